/** A simulated node that speaks the real protocol over the real network, to a controller anywhere. */
import { type Clock, type Log, millis, SeededRandom } from "@selvedge/base";
import {
  createEngine,
  type Engine,
  type EnrolmentConfig,
  engineVersion,
  FileKeyStore,
  type HttpClient,
  type LinkDialer,
  noHardware,
  PowerError,
  type PowerSwitch,
} from "@selvedge/engine";
import { SimDisk } from "../disk/sim-disk.ts";
import { SimImageBuilder } from "../disk/sim-image-builder.ts";
import { SimVolumeDriver } from "../disk/sim-volume-driver.ts";
import { SimHypervisor } from "../hypervisor/sim-hypervisor.ts";
import { noEdgeview } from "../network/no-edgeview.ts";
import { noSftp } from "../network/no-sftp.ts";
import { SimNetworkDriver } from "../network/sim-network-driver.ts";

const refused = async (): Promise<never> => {
  throw new PowerError("a node of a simulated fleet has no power of its own");
};
const noPower: PowerSwitch = { reboot: refused, powerOff: refused };

export interface FleetNodeOptions {
  readonly serial: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly log: Log;
  /** One for all nodes of the process: connections are per host, not per node. */
  readonly http: HttpClient;
  readonly dialer: LinkDialer;
  readonly enrolment: Pick<EnrolmentConfig, "baseUrl" | "roots" | "onboarding">;
}

/** Room for a few small images; thousands of nodes share one machine's memory. */
const capacityBytes = 64 * 2 ** 20;
const memoryBytes = 4 * 2 ** 30;

export class FleetNode implements AsyncDisposable {
  readonly serial: string;
  readonly #engine: Engine;

  private constructor(serial: string, engine: Engine) {
    this.serial = serial;
    this.#engine = engine;
  }

  static async start(options: FleetNodeOptions): Promise<FleetNode> {
    const { serial, clock, http, dialer, enrolment, log } = options;
    const random = new SeededRandom(options.seed);
    const sim = new SimDisk({ random, capacityBytes, root: `/sim/${serial}` });
    const disk = sim.open();
    const hypervisor = new SimHypervisor({ clock, random, hasFile: (path) => sim.has(path) });
    const engine = await createEngine({
      ...{ clock, random, disk, http, linkDialer: dialer },
      sink: ({ level, message, fields }) =>
        level === "error" && log.error(message, { ...fields, node: serial }),
      keys: await FileKeyStore.open(disk),
      images: new SimImageBuilder(disk),
      volumes: new SimVolumeDriver(disk),
      sftp: noSftp,
      edgeview: noEdgeview,
      hypervisor: hypervisor.open(),
      networkDriver: new SimNetworkDriver(random).open(),
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
      host: {
        architecture: "amd64",
        kernelVersion: "simulated",
        osImage: "Simulated",
        machineId: serial,
        bootId: `${serial}-${options.seed}`,
        bootedAt: clock.now(),
        bootTrace: undefined,
        cpus: 4,
        memoryBytes,
        hardwareVirtualization: false,
        internalIp: async () => "192.0.2.1",
        usage: async () => ({ cpuNanos: 0n, memoryUsedBytes: memoryBytes / 4 }),
      },
      hardware: noHardware,
      power: noPower,
      config: { ...enrolment, serial: "", softSerial: serial },
      engineVersion,
      firmwareVersion: "",
    });
    await engine.start();
    return new FleetNode(serial, engine);
  }

  /** It has been admitted and has taken a configuration. */
  get isConfigured(): boolean {
    return this.#engine.store.desired.get() !== undefined;
  }

  get runningApps(): number {
    return this.#engine.store.apps.entries().filter(([, { state }]) => state === "running").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}

/** When the `index`-th of `nodes` starts, for a fleet that arrives over `ramp`. */
export function startAfter(index: number, nodes: number, rampMs: number): ReturnType<typeof millis> {
  return millis(nodes <= 1 ? 0 : (rampMs * index) / nodes);
}
