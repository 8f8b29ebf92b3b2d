/** ZInfoDevice and NodeReport: what the node is, and how it is. Pure. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Instant } from "@selvedge/base";
import { ext, info, setExtension } from "@selvedge/eve-api";
import type { DesiredState } from "../../desired.ts";
import type { AppStatus, ContentStatus } from "../../observed.ts";
import type { HostFacts } from "../../ports.ts";
import type { Attestation } from "../attestation.ts";
import type { Refusal } from "../config-acceptor.ts";
import type { SettingStatus } from "../settings/settings.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

export interface DeviceFacts {
  readonly node: string;
  readonly engineVersion: string;
  readonly serial: string;
  readonly host: HostFacts;
  readonly internalIp: string;
  readonly storageBytes: number;
  readonly identityStore: "tpm" | "file";
  readonly desired: DesiredState | undefined;
  readonly refusal: Refusal | undefined;
  readonly attestation: Attestation["state"];
  readonly apps: readonly AppStatus[];
  readonly contents: readonly ContentStatus[];
  readonly settings: {
    readonly known: Record<string, SettingStatus>;
    readonly unknown: Record<string, SettingStatus>;
  };
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
/** What the engine, the kernel and the page cache of a running system need beside the apps. */
export const reservedBytes: number = 512 * mib;
/** Kubernetes' own default; a box runs out of memory long before. */
const appsMax = 110;
/** Images told about: the largest, as kubelet does, so that a full disk of images stays a small message. */
const imagesMax = 50;

const attestationStates: Readonly<Record<Attestation["state"], info.AttestationState>> = {
  certs: info.AttestationState.NONCE_WAIT,
  nonce: info.AttestationState.NONCE_WAIT,
  quote: info.AttestationState.ATTEST_WAIT,
  waiting: info.AttestationState.RESTART_WAIT,
  complete: info.AttestationState.COMPLETE,
};

export function deviceInfo(facts: DeviceFacts): InfoMessage {
  const { host, desired, settings } = facts;
  const machine = host.architecture === "arm64" ? "aarch64" : "x86_64";
  const value = create(info.ZInfoDeviceSchema, {
    machineArch: machine,
    cpuArch: machine,
    platform: machine,
    ncpu: host.cpus,
    memory: BigInt(Math.floor(host.memoryBytes / mib)),
    storage: BigInt(Math.floor(facts.storageBytes / mib)),
    minfo: { serialNumber: facts.serial, UUID: facts.node },
    bootTime: timestampFromMs(host.bootedAt),
    HostName: desired?.nodeName ?? "",
    swList: [
      {
        activated: true,
        partitionLabel: "engine",
        partitionState: "active",
        status: info.ZSwState.INSTALLED,
        shortVersion: facts.engineVersion,
        longVersion: `selvedge ${facts.engineVersion} on ${host.osImage}, Linux ${host.kernelVersion}`,
      },
    ],
    HSMStatus:
      facts.identityStore === "tpm"
        ? info.HwSecurityModuleStatus.ENABLED
        : info.HwSecurityModuleStatus.NOTFOUND,
    configItemStatus: { configItems: settings.known, unknownConfigItems: settings.unknown },
    appInstances: facts.apps.map(({ id, displayName }) => ({ uuid: id, name: displayName, domainName: id })),
    capabilities: { HWAssistedVirtualization: host.hardwareVirtualization },
    state: info.ZDeviceState.ZDEVICE_STATE_ONLINE,
    attestationInfo: { state: attestationStates[facts.attestation] },
    deviceName: desired?.nodeName ?? "",
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
    allocatableMemoryBytes: BigInt(Math.max(0, host.memoryBytes - reservedBytes)),
    allocatableStorageBytes: BigInt(Math.floor(storageBytes * 0.9)),
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
