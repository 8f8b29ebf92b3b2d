/** ZInfoDevice and NodeReport: what the node is, and how it is. Pure. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Instant } from "@selvedge/base";
import { ext, info, setExtension } from "@selvedge/eve-api";
import type { DesiredState } from "../../desired.ts";
import type { Adapter, BlockDevice, Hardware } from "../../hardware/hardware.ts";
import type {
  AppStatus,
  CertificateStatus,
  ContentStatus,
  DeviceStatus,
  PortsStatus,
} from "../../observed.ts";
import type { HostFacts } from "../../ports.ts";
import type { Attestation } from "../attestation.ts";
import type { Refusal } from "../config-acceptor.ts";
import type { SettingStatuses } from "../settings/settings.ts";
import { modemsPart } from "./cellular-info.ts";
import { certificateInfo } from "./certificate-info.ts";
import { bundlesPart } from "./device-bundles.ts";
import { adaptersPart, lifePart, makerPart, type NodeLife, storagePart, systemPart } from "./device-node.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";
import { portsPart } from "./port-info.ts";
import { type TrustFacts, trustPart } from "./trust-info.ts";

export interface DeviceFacts extends TrustFacts {
  readonly node: string;
  readonly engineVersion: string;
  readonly serial: string;
  readonly host: HostFacts;
  readonly internalIp: string;
  readonly storageBytes: number;
  readonly inventory: Hardware;
  readonly disks: readonly Pick<BlockDevice, "name" | "serial" | "sizeBytes">[];
  /** That the state folder is on. */
  readonly filesystem: { readonly type: string; readonly disk: string } | undefined;
  readonly adapters: readonly Adapter[];
  readonly ports: PortsStatus | undefined;
  readonly devices: readonly (readonly [string, DeviceStatus])[];
  readonly certificates: readonly (readonly [string, CertificateStatus])[];
  readonly stateFolder: string;
  /** Kept from apps. */
  readonly reserved: { readonly memoryBytes: number; readonly diskBytes: number };
  readonly life: NodeLife;
  readonly desired: DesiredState | undefined;
  readonly refusal: Refusal | undefined;
  readonly attestation: Attestation["state"];
  readonly apps: readonly AppStatus[];
  readonly contents: readonly ContentStatus[];
  readonly settings: SettingStatuses;
  readonly conditions: readonly NodeCondition[];
}

export interface NodeCondition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly since: Instant;
}

const mib = 2 ** 20;
/** Kubernetes' own default; a box runs out of memory long before. */
const appsMax = 110;
/** Images told about: the largest, as kubelet does, so that a full disk of images stays a small message. */
const imagesMax = 50;

/**
 * A controller sends nothing of what has a higher number. All up to this one is applied, or told by its place as not
 * supported, as the licence of Windows is; an interface of an app that runs is changed at once and not at its restart.
 */
const understood = info.APICapability.API_CAPABILITY_REPORT_TPM_EVENTLOG;

const attestationStates: Readonly<Record<Attestation["state"], info.AttestationState>> = {
  certs: info.AttestationState.NONCE_WAIT,
  nonce: info.AttestationState.NONCE_WAIT,
  quote: info.AttestationState.ATTEST_WAIT,
  escrow: info.AttestationState.ATTEST_ESCROW_WAIT,
  waiting: info.AttestationState.RESTART_WAIT,
  complete: info.AttestationState.COMPLETE,
};

/** Made once for each configuration: it is the larger part of the report, and hardly ever differs. */
const itemMessages = new WeakMap<SettingStatuses, info.ZInfoConfigItemStatus>();

function itemsOf(settings: SettingStatuses, refusal: Refusal | undefined): info.ZInfoConfigItemStatus {
  const made = itemMessages.get(settings) ?? itemsMessage(settings);
  itemMessages.set(settings, made);
  if (refusal === undefined) return made;
  // A controller that does not know our report has no other way to learn of it.
  const { configHash: value, field, message } = refusal;
  const error = `refused: ${message}; the configuration before goes on`;
  const unknown = { ...settings.unknown, [field || "config"]: { value, error } };
  return itemsMessage({ ...settings, unknown });
}

function itemsMessage({ known, unknown }: SettingStatuses): info.ZInfoConfigItemStatus {
  return create(info.ZInfoConfigItemStatusSchema, { configItems: known, unknownConfigItems: unknown });
}

export function deviceInfo(facts: DeviceFacts): InfoMessage {
  const { host, desired, settings, inventory } = facts;
  const machine = host.architecture === "arm64" ? "aarch64" : "x86_64";
  const longVersion = `selvedge ${facts.engineVersion} on ${host.osImage}, Linux ${host.kernelVersion}`;
  const value = create(info.ZInfoDeviceSchema, {
    machineArch: machine,
    cpuArch: machine,
    platform: machine,
    ncpu: host.cpus,
    memory: BigInt(Math.floor(host.memoryBytes / mib)),
    storage: BigInt(Math.floor(facts.storageBytes / mib)),
    bootTime: timestampFromMs(host.bootedAt),
    HostName: desired?.nodeName ?? "",
    deviceName: desired?.nodeName ?? "",
    configItemStatus: itemsOf(settings, facts.refusal),
    appInstances: facts.apps.map(({ id, displayName }) => ({ uuid: id, name: displayName, domainName: id })),
    hardwareWatchdogPresent: inventory.watchdog,
    capabilities: {
      HWAssistedVirtualization: host.hardwareVirtualization,
      IOVirtualization: inventory.iommu,
    },
    attestationInfo: { state: attestationStates[facts.attestation] },
    apiCapability: understood,
    optionalCapabilities: { hwInventorySupport: true },
    ...portsPart(facts.ports),
    ...modemsPart(facts.ports),
    enrolledCerts: facts.certificates.map(([name, status]) => certificateInfo(name, status)),
    ...bundlesPart(facts.devices, inventory.networks),
    ...lifePart(facts.life),
    ...makerPart(inventory, desired?.node?.names, facts),
    ...storagePart(
      facts.disks,
      { folder: facts.stateFolder, totalBytes: facts.storageBytes },
      facts.filesystem,
    ),
    ...adaptersPart(facts.adapters),
    ...trustPart(facts),
    ...systemPart({ version: facts.engineVersion, longVersion }, desired),
  });
  setExtension(value, ext.NodeReportSchema, nodeReport(facts));
  return infoMessage(facts.node, info.ZInfoTypes.ZiDevice, { case: "dinfo", value });
}

function nodeReport(facts: DeviceFacts): ext.NodeReport {
  const { host, desired, refusal, storageBytes } = facts;
  return create(ext.NodeReportSchema, {
    engineVersion: facts.engineVersion,
    kernelVersion: host.kernelVersion,
    osImage: host.osImage,
    architecture: host.architecture,
    bootId: host.bootId,
    machineId: host.machineId,
    cpuMillis: BigInt(host.cpus * 1000),
    memoryBytes: BigInt(host.memoryBytes),
    storageBytes: BigInt(storageBytes),
    maxApps: appsMax,
    allocatableCpuMillis: BigInt(host.cpus * 1000),
    allocatableMemoryBytes: BigInt(Math.max(0, host.memoryBytes - facts.reserved.memoryBytes)),
    allocatableStorageBytes: BigInt(Math.max(0, storageBytes - facts.reserved.diskBytes)),
    appIds: facts.apps.map(({ id }) => id).sort(),
    configHash: desired?.configHash ?? "",
    ...(refusal === undefined
      ? {}
      : {
          configError: {
            configHash: refusal.configHash,
            field: refusal.field,
            message: refusal.message,
            at: BigInt(refusal.at),
          },
        }),
    conditions: facts.conditions.map(({ type, status, reason, message, since }) => ({
      ...{ type, status, reason, message },
      lastTransitionAt: BigInt(since),
    })),
    images: images(facts.contents),
    internalIp: facts.internalIp,
    hardwareVirtualization: host.hardwareVirtualization,
    identityStore: facts.identityStore,
  });
}

function images(contents: readonly ContentStatus[]): { names: string[]; sizeBytes: bigint }[] {
  const ready = new Map<string, number>();
  for (const content of contents)
    if (content.phase === "ready" && content.imageId !== "") ready.set(content.imageId, content.sizeBytes);
  return [...ready]
    .sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))
    .slice(0, imagesMax)
    .map(([name, size]) => ({ names: [name], sizeBytes: BigInt(size) }));
}
