/** An engine's control with a scripted controller on a clock that moves when told to. */
import assert from "node:assert/strict";
import { hours, instant, Log, type LogRecord, SeededRandom } from "@selvedge/base";
import type { LinkSocket } from "@selvedge/eve-api";
import { SimDisk } from "../../harness/src/disk/sim-disk.ts";
import { SimClock } from "../../harness/src/sim-clock.ts";
import { Control } from "../src/control/control.ts";
import { DeviceLog } from "../src/control/logs/device-log.ts";
import { NodeConditions } from "../src/control/report/node-conditions.ts";
import { Secrets } from "../src/control/secrets.ts";
import { Settings } from "../src/control/settings/settings.ts";
import type { DesiredState } from "../src/desired.ts";
import { Cell, EngineStore } from "../src/engine-store.ts";
import { noHardware } from "../src/hardware/no-hardware.ts";
import type { Disk } from "../src/host/disk.ts";
import { type HttpClient, HttpError } from "../src/host/http.ts";
import { SealedDisk } from "../src/host/sealed-disk.ts";
import { FileKeyStore } from "../src/identity/file-key-store.ts";
import { Identity } from "../src/identity/identity.ts";
import type { KeyStore } from "../src/identity/key-store.ts";
import { VaultKey } from "../src/identity/vault-key.ts";
import { InfoBundle } from "../src/operator/info-bundle.ts";
import { Operator } from "../src/operator/operator.ts";
import {
  type AppLogOutbox,
  type AppStreams,
  type AppUsages,
  type HostFacts,
  type LinkDialer,
  LinkUnsupportedError,
} from "../src/ports.ts";
import { enrolmentConfig, ScriptedGateway } from "./scripted-gateway.ts";

/** The recorded certificates are valid from the day they were made. */
const start = instant(Date.UTC(2026, 10, 25));

export interface ControlWorldOptions {
  readonly keys?: (disk: Disk) => Promise<KeyStore>;
  readonly dial?: (signal: AbortSignal) => Promise<LinkSocket>;
  /** What apps use; not there: the node runs none. */
  readonly usages?: AppUsages;
}

export interface RunningEngine extends AsyncDisposable {
  readonly control: Control;
  readonly store: EngineStore;
  readonly operator: Operator;
  readonly identity: Identity;
  readonly secrets: Secrets;
}

export class ControlWorld {
  readonly clock: SimClock = new SimClock(start);
  readonly random: SeededRandom = new SeededRandom(1);
  readonly gateway: ScriptedGateway = new ScriptedGateway();
  /** Whoever else can be asked, over plain HTTP. */
  local: HttpClient = {
    async send() {
      throw new HttpError("nobody listens");
    },
  };
  readonly plates: SimDisk = new SimDisk({ random: this.random, capacityBytes: 2 ** 30, root: "/state" });
  readonly records: LogRecord[] = [];
  /** What the engine did with the box's power. */
  readonly power: string[] = [];
  /** Changes with a boot of the box. */
  bootId = "boot-1";

  /** Starts control as the engine does; the disk is the same each time. */
  async engine(options: ControlWorldOptions = {}): Promise<RunningEngine> {
    const { clock, random } = this;
    const disk = this.plates.open();
    const accepted = new Cell<DesiredState | undefined>(undefined);
    const settings = new Settings(accepted);
    const deviceLog = new DeviceLog({ disk, clock, engineVersion: "test", settings });
    const log = new Log("engine", clock, (record) => {
      this.records.push(record);
      if (settings.keeps(record, "remote")) deviceLog.write(record);
    });
    const keys = await (options.keys ?? FileKeyStore.open)(disk);
    const identity = await Identity.open({ keys, disk, clock, random, log, label: "node-1" });
    const secrets = new Secrets(identity, clock);
    const vault = await VaultKey.open({ keys, disk, random, log });
    const store = new EngineStore();
    const host = facts(clock, this.bootId);
    const power = {
      reboot: async () => void this.power.push("reboot"),
      powerOff: async () => void this.power.push("powerOff"),
    };
    const operator = new Operator({
      ...{ accepted, store, settings, disk, clock, log, host, power, vault, managesPorts: true },
    });
    const linkDialer: LinkDialer = {
      async dial(_url, _certificates, signal) {
        if (options.dial === undefined) throw new LinkUnsupportedError("no link here");
        return await options.dial(signal);
      },
    };
    const control = new Control({
      ...{ store, disk, clock, random, log, identity, secrets, vault, deviceLog, linkDialer },
      sealed: new SealedDisk(disk, vault),
      http: { send: (it) => (it.url.startsWith("http:") ? this.local : this.gateway).send(it) },
      config: enrolmentConfig(),
      ...{ host, accepted, settings, operator, hardware: noHardware },
      engineVersion: "test",
      firmwareVersion: "",
      apps: options.usages && { ...silentApps, usages: options.usages },
      network: { counters: async () => new Map() },
      patches: { usage: () => [] },
      flows: { wanted: false, take: async () => [] },
      bundle: new InfoBundle({
        ...{ accepted, settings, clock, log, http: { send: (it) => this.local.send(it) } },
        texts: async () => ({ "app.txt": "UUID\n", "engine.log": "" }),
      }),
      conditions: new NodeConditions({ keys, disk, hypervisor: undefined, operator }),
    });
    await control.load();
    control.start();
    return {
      ...{ control, store, operator, identity, secrets },
      async [Symbol.asyncDispose]() {
        await control[Symbol.asyncDispose]();
        await keys[Symbol.asyncDispose]();
      },
    };
  }

  /** Whether a log line with these words was written. */
  said(words: string): boolean {
    return this.records.some(({ message }) => message.includes(words));
  }

  /**
   * An engine that has accepted a configuration loses its power in that write of what is said next, or once it has
   * taken it; afterwards nobody can be reached.
   */
  async loseControllerAndPower(
    write: number,
    say: () => void,
    isTaken: (engine: RunningEngine) => boolean,
  ): Promise<void> {
    // Never taken down: the power takes it.
    const engine = await this.engine();
    await this.until("accepted", () => engine.store.desired.get() !== undefined);
    let cut = false;
    this.plates.cutPowerDuringWrite(write, () => {
      cut = true;
      this.plates.powerCut();
    });
    say();
    await this.clock.passUntil(() => cut || isTaken(engine), hours(1));
    if (!cut) this.plates.powerCut();
    this.gateway.online = false;
  }

  /** Lets time pass until `condition` holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    assert.ok(await this.clock.passUntil(condition, hours(24)), `${what} within a day`);
  }
}

/** They say nothing, and nobody asks them. */
const silentApps: { streams: AppStreams; logs: AppLogOutbox } = {
  streams: { open: async () => {} },
  logs: { pending: () => [], onWritten: () => () => {}, next: async () => [], sent: async () => {} },
};

function facts(clock: SimClock, bootId: string): HostFacts {
  return {
    architecture: "amd64",
    kernelVersion: "6.1.0",
    osImage: "Debian",
    machineId: "m",
    bootId,
    bootTrace: undefined,
    bootedAt: clock.now(),
    cpus: 2,
    memoryBytes: 4 * 2 ** 30,
    hardwareVirtualization: false,
    internalIp: async () => "192.0.2.7",
    usage: async () => ({ cpuNanos: 1n, memoryUsedBytes: 1 }),
  };
}
