/** Reads everything that is told of the node as a whole, for the pure functions that put it into messages. */
import { type Clock, type Instant, jsonEqual } from "@selvedge/base";
import type { EngineStore } from "../../engine-store.ts";
import type { Hardware, HardwareProbe } from "../../hardware/hardware.ts";
import type { Disk } from "../../host/disk.ts";
import type { Identity } from "../../identity/identity.ts";
import type { Operator } from "../../operator/operator.ts";
import type { HostFacts, Vault } from "../../ports.ts";
import type { Attestation } from "../attestation.ts";
import type { ConfigAcceptor } from "../config-acceptor.ts";
import type { EnrolmentConfig } from "../enrolment-config.ts";
import type { Settings } from "../settings/settings.ts";
import { type DeviceFacts, deviceInfo, type NodeCondition } from "./device-info.ts";
import { hardwareInfo } from "./hardware-info.ts";
import type { InfoMessage } from "./info-messages.ts";
import type { NodeConditions } from "./node-conditions.ts";
import { timeSourcesInfo } from "./time-sources.ts";
import { countUnsealed } from "./trust-info.ts";

export interface DeviceReportParts {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly host: HostFacts;
  readonly hardware: HardwareProbe;
  readonly identity: Identity;
  readonly vault: Vault;
  readonly config: EnrolmentConfig;
  readonly acceptor: ConfigAcceptor;
  readonly attestation: Attestation;
  readonly settings: Settings;
  readonly operator: Operator;
  readonly conditions: NodeConditions;
  readonly engineVersion: string;
  readonly node: () => string;
}

export class DeviceReport {
  readonly #parts: DeviceReportParts;
  readonly #since = new Map<string, { readonly status: string; readonly since: Instant }>();
  #inventory: Hardware | undefined;
  /** Facts are read each minute and hardly ever differ; the message of the same facts is the same one. */
  readonly #device = new Kept(deviceInfo);
  readonly #hardware = new Kept(hardwareInfo);

  constructor(parts: DeviceReportParts) {
    this.#parts = parts;
  }

  async device(): Promise<InfoMessage> {
    return this.#device.of(await this.#facts());
  }

  async #facts(): Promise<DeviceFacts> {
    const { store, host, identity, config, disk, hardware, operator, settings, vault } = this.#parts;
    const { totalBytes } = await disk.free();
    const { record, phase, troubles, profile } = operator;
    return {
      ...{ host, engineVersion: this.#parts.engineVersion, node: this.#parts.node() },
      ...{ inventory: await this.inventory(), roots: config.roots },
      serial: config.softSerial || config.serial,
      internalIp: await host.internalIp(),
      storageBytes: totalBytes,
      // Not what is counted of them, which differs each time.
      disks: (await hardware.disks()).map(({ name, serial, sizeBytes }) => ({ name, serial, sizeBytes })),
      filesystem: await hardware.filesystemOf(disk.absolute("")),
      adapters: await hardware.adapters(),
      ports: store.ports.get(),
      devices: store.devices.entries(),
      certificates: store.certificates.entries(),
      stateFolder: disk.absolute(""),
      identityStore: identity.keys.kind,
      keysPlace: identity.keys.place,
      vault: vault.state,
      unsealed: countUnsealed(
        vault.state,
        store.volumes.entries().map(([, status]) => status),
      ),
      desired: store.desired.get(),
      refusal: this.#parts.acceptor.refusal,
      attestation: this.#parts.attestation.state,
      apps: store.apps.entries().map(([, status]) => status),
      contents: store.contents.entries().map(([, status]) => status),
      settings: settings.status(),
      reserved: { memoryBytes: reservedMemory(settings), diskBytes: reservedDisk(settings, totalBytes) },
      life: { record, phase, troubles, profile },
      conditions: await this.#conditions(),
    };
  }

  async hardware(): Promise<InfoMessage> {
    const { node, host, hardware, engineVersion, identity } = this.#parts;
    return this.#hardware.of({
      ...{ node: node(), host, engineVersion, inventory: await this.inventory() },
      disks: (await hardware.disks()).map(({ name, model, serial, wwn, sizeBytes }) => ({
        ...{ name, model, serial, wwn, sizeBytes },
      })),
      tpm: identity.keys.chip,
    });
  }

  /** Undefined where nothing tells. */
  async timeSources(): Promise<InfoMessage | undefined> {
    const { node, hardware } = this.#parts;
    const sources = await hardware.timeSources();
    return sources.length === 0 ? undefined : timeSourcesInfo(node(), sources);
  }

  /** Read once: what it lists stays for as long as the box is on, except for what can be plugged in. */
  async inventory(): Promise<Hardware> {
    this.#inventory ??= await this.#parts.hardware.inventory();
    return this.#inventory;
  }

  /** Somebody may have plugged something in. */
  lookAgain(): void {
    this.#inventory = undefined;
  }

  /** With the time since when each is as it is. */
  async #conditions(): Promise<NodeCondition[]> {
    const now = this.#parts.clock.now();
    const { conditions, attestation } = this.#parts;
    return (await conditions.read(attestation.logFault)).map((condition) => {
      const before = this.#since.get(condition.type);
      const since = before?.status === condition.status ? before.since : now;
      this.#since.set(condition.type, { status: condition.status, since });
      return { ...condition, since };
    });
  }
}

/** The last message and what it was made of; of facts that do not differ it is the same object. */
class Kept<Facts extends object> {
  readonly #make: (facts: Facts) => InfoMessage;
  #last: { readonly facts: Facts; readonly message: InfoMessage } | undefined;

  constructor(make: (facts: Facts) => InfoMessage) {
    this.#make = make;
  }

  of(facts: Facts): InfoMessage {
    if (this.#last === undefined || !jsonEqual(this.#last.facts, facts))
      this.#last = { facts, message: this.#make(facts) };
    return this.#last.message;
  }
}

/** With less the box would end processes of its own. */
const reservedMin = 512 * 2 ** 20;

/** What is kept from apps for the engine, the kernel and the page cache of a running system. */
export function reservedMemory(settings: Pick<Settings, "number">): number {
  const mib = settings.number("memory.eve.limit.MiB") * 2 ** 20;
  return Math.max(mib, settings.number("memory.eve.limit.bytes"), reservedMin);
}

/** A part of the disk, but no more than is of use. */
function reservedDisk(settings: Pick<Settings, "number">, totalBytes: number): number {
  const part = (settings.number("storage.dom0.disk.minusage.percent") / 100) * totalBytes;
  return Math.floor(Math.min(part, settings.number("storage.dom0.disk.maxusagebytes")));
}
