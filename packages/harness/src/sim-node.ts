/** A box of the simulation: hardware that lasts, and one life of the engine after another on it. */
import { describeError, type Instant, type Millis, millis, type Random, SeededRandom } from "@selvedge/base";
import {
  createEngine,
  type Engine,
  type EnrolmentConfig,
  FileKeyStore,
  type HostFacts,
  noHardware,
  type PowerSwitch,
} from "@selvedge/engine";
import { SimDisk } from "./disk/sim-disk.ts";
import { SimImageBuilder } from "./disk/sim-image-builder.ts";
import { SimVolumeDriver } from "./disk/sim-volume-driver.ts";
import { SimHypervisor } from "./hypervisor/sim-hypervisor.ts";
import { Life } from "./life.ts";
import { noEdgeview } from "./network/no-edgeview.ts";
import { noSftp } from "./network/no-sftp.ts";
import type { SimNetwork } from "./network/sim-network.ts";
import { SimNetworkDriver } from "./network/sim-network-driver.ts";
import { RecentLog } from "./recent-log.ts";
import type { SimClock } from "./sim-clock.ts";

export interface SimNodeOptions {
  readonly name: string;
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly enrolment: Pick<EnrolmentConfig, "baseUrl" | "roots" | "onboarding">;
  readonly address: string;
}

const capacityBytes = 2 ** 30;
const memoryBytes = 4 * 2 ** 30;
/** systemd, or the supervisor of `up`, starts an engine again this long after its end. */
const restartMin = 500;
const restartSpan = 2500;
/** From one going down to the engine's coming up. */
const bootSpan = millis(20_000);

export class SimNode {
  readonly name: string;
  readonly disk: SimDisk;
  readonly hypervisor: SimHypervisor;
  readonly networkDriver: SimNetworkDriver;
  readonly log: RecentLog = new RecentLog();
  readonly #options: SimNodeOptions;
  readonly #random: Random;
  #life: Life | undefined;
  #engine: Engine | undefined;
  #boots = 0;
  #bootedAt: Instant;
  #skew: Millis = millis(0);
  #hasPower = true;

  constructor(options: SimNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.#random = new SeededRandom(Math.floor(options.random.next() * 2 ** 32));
    this.disk = new SimDisk({ random: this.#random, capacityBytes, root: `/sim/${options.name}` });
    this.hypervisor = new SimHypervisor({
      clock: options.clock,
      random: this.#random,
      hasFile: (path) => this.disk.has(path),
    });
    this.networkDriver = new SimNetworkDriver(this.#random);
    this.#bootedAt = options.clock.now();
  }

  /** The engine that runs now; undefined between two lives. */
  get engine(): Engine | undefined {
    return this.#engine;
  }

  /** Switches the box on. */
  powerOn(): void {
    this.#hasPower = true;
    this.#boots++;
    this.#bootedAt = this.#options.clock.now();
    this.#start();
  }

  /** kill -9: machines go on, the engine is started again shortly. */
  killEngine(): void {
    if (!this.#hasPower) return;
    this.#endLife();
    this.disk.kill();
    this.hypervisor.kill();
    const wait = restartMin + this.#random.next() * restartSpan;
    this.#options.clock.setTimer(millis(wait), () => this.#start());
  }

  /** Everything stops in the middle; what was not synced may be lost. */
  powerCut(): void {
    this.#hasPower = false;
    this.#endLife();
    this.disk.powerCut();
    this.hypervisor.powerCut();
    this.networkDriver.powerCut();
  }

  /** The world is over. */
  end(): void {
    this.#hasPower = false;
    this.#endLife();
    this.disk.kill();
    this.hypervisor.kill();
  }

  /** The power goes during a write to come; the box comes back by itself after `off`. */
  powerCutDuringWrite(writes: number, off: Millis): void {
    this.disk.cutPowerDuringWrite(writes, () => {
      this.powerCut();
      this.#options.clock.setTimer(off, () => this.powerOn());
    });
  }

  /** The box's date is off by this much from now on. */
  setSkew(skew: Millis): void {
    this.#skew = skew;
  }

  #start(): void {
    if (!this.#hasPower || this.#life !== undefined) return;
    const life = new Life(this.#options.clock, () => this.#skew);
    this.#life = life;
    this.#run(life).catch((error: unknown) => {
      if (!life.isAlive) return;
      // As on a box: an engine that cannot start ends, and is started again.
      this.log.add(`the engine ended: ${describeError(error)}`);
      this.killEngine();
    });
  }

  async #run(life: Life): Promise<void> {
    const { network, enrolment, name, address } = this.#options;
    const disk = this.disk.open();
    const { http, dialer } = network.plug(name);
    const keys = await FileKeyStore.open(disk);
    const engine = await createEngine({
      clock: life.clock,
      random: this.#random,
      sink: (record) => life.isAlive && this.log.add(record),
      disk,
      http: life.lend(http),
      linkDialer: life.lend(dialer),
      keys,
      images: new SimImageBuilder(disk),
      volumes: new SimVolumeDriver(disk),
      sftp: noSftp,
      edgeview: noEdgeview,
      hypervisor: this.hypervisor.open(),
      networkDriver: life.lend(this.networkDriver.open()),
      // Simulated apps ask nothing of their node.
      devices: {
        ...{ lend: async () => {}, giveBack: async () => true },
        ...{ part: async () => true, dress: async () => true },
      },
      ports: {
        manages: false,
        apply: async () => new Map(),
        look: async () => new Map(),
        silence: async () => {},
        probe: async () => {},
        onLetIn: () => () => {},
        askAgain: async () => {},
        ...{ askBeyond: async () => {}, reconnect: async () => {} },
      },
      flows: { collect: async () => ({ counted: [], denied: [], queries: [] }), watch: () => {} },
      metadata: { listen: async () => {}, [Symbol.asyncDispose]: async () => {} },
      apiListener: { listen: async () => {}, [Symbol.asyncDispose]: async () => {} },
      aliases: {
        listen: async () => {},
        find: async () => ({ kind: "failed" }),
        [Symbol.asyncDispose]: async () => {},
      },
      networkPrefix: "sv",
      host: this.#facts(address),
      hardware: noHardware,
      power: this.#power(),
      config: { ...enrolment, serial: "", softSerial: name },
      engineVersion: "simulated",
      firmwareVersion: "",
    });
    if (!life.isAlive) return;
    this.#engine = engine;
    await engine.start();
  }

  /** What is asked of the box from inside. */
  #power(): PowerSwitch {
    return {
      reboot: async () => {
        this.powerCut();
        this.#options.clock.setTimer(bootSpan, () => this.powerOn());
      },
      powerOff: async () => this.powerCut(),
    };
  }

  #facts(address: string): HostFacts {
    return {
      architecture: "amd64",
      kernelVersion: "6.1.0-sim",
      osImage: "Simulated",
      machineId: this.name,
      bootId: `${this.name}-${this.#boots}`,
      bootedAt: this.#bootedAt,
      bootTrace: undefined,
      cpus: 4,
      memoryBytes,
      hardwareVirtualization: false,
      internalIp: async () => address,
      usage: async () => ({ cpuNanos: 0n, memoryUsedBytes: memoryBytes / 4 }),
    };
  }

  #endLife(): void {
    this.#life?.end();
    this.#life = undefined;
    this.#engine = undefined;
    this.#options.network.closeLinks(this.name);
  }
}
