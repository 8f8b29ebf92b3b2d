/**
 * Virtual machines that cost nothing. They outlive the engine that started them, like QEMU; they do not
 * outlive the power. The harness can ask afterwards what was started when, so a test can say "nothing was
 * restarted".
 */
import { type Clock, describeError, type Instant, type Random } from "@selvedge/base";
import {
  type AppId,
  type Confinement,
  type Guest,
  GuestError,
  type Hypervisor,
  type MachineProcessors,
  type VmSpec,
  type VmUsage,
} from "@selvedge/engine";
import { never } from "../life.ts";
import { SimGuest } from "./sim-guest.ts";
import { SimMachine } from "./sim-machine.ts";

export interface HypervisorFaults {
  /** A launch fails at once: no memory, no such device. */
  launchFails: number;
  /** The machine dies while it boots. */
  diesBooting: number;
}

export interface SimHypervisorOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a disk a machine is given exists. */
  readonly hasFile: (absolute: string) => boolean;
}

/** More than a node of any simulation has. */
const memoryMaxMib = 2 ** 20;
const bootMin = 500;
const bootSpan = 3000;

export class SimHypervisor {
  readonly faults: HypervisorFaults = { launchFails: 0, diesBooting: 0 };
  /** Every launch there ever was. */
  readonly launches: { readonly id: AppId; readonly at: Instant }[] = [];
  readonly #options: SimHypervisorOptions;
  readonly #machines = new Map<AppId, SimMachine>();
  /** What a machine that was refused said, until it is launched again or removed. */
  readonly #words = new Map<AppId, string>();
  #port: SimHypervisorPort | undefined;

  constructor(options: SimHypervisorOptions) {
    this.#options = options;
  }

  /** For one life of the engine; the port before it is dead from now on. */
  open(): Hypervisor {
    this.#port?.die();
    this.#port = new SimHypervisorPort(this);
    return this.#port;
  }

  /** The engine was killed: machines go on, its connections are gone. */
  kill(): void {
    this.#port?.die();
    this.#port = undefined;
  }

  powerCut(): void {
    this.kill();
    for (const machine of [...this.#machines.values()]) machine.die();
  }

  machines(): SimMachine[] {
    return [...this.#machines.values()];
  }

  machine(id: AppId): SimMachine | undefined {
    return this.#machines.get(id);
  }

  launch(spec: VmSpec): void {
    const { clock, random, hasFile } = this.#options;
    if (this.#machines.has(spec.id)) return;
    const missing = spec.disks.find((disk) => !hasFile(disk));
    if (missing !== undefined) throw new GuestError(`Could not open '${missing}': No such file or directory`);
    this.#words.delete(spec.id);
    if (spec.memoryMib > memoryMaxMib || random.next() < this.faults.launchFails) {
      this.#words.set(spec.id, "cannot set up guest memory");
      throw new GuestError("cannot set up guest memory");
    }
    const machine = new SimMachine(spec, {
      clock,
      random,
      bootMs: bootMin + random.next() * bootSpan,
      diesBooting: random.next() < this.faults.diesBooting,
      onGone: () => {
        if (this.#machines.get(spec.id) === machine) this.#machines.delete(spec.id);
      },
    });
    this.#machines.set(spec.id, machine);
    this.launches.push({ id: spec.id, at: clock.now() });
  }

  remove(id: AppId): void {
    this.#machines.get(id)?.die();
    this.#words.delete(id);
  }

  lastWords(id: AppId): string {
    return this.#words.get(id) ?? "";
  }

  addImage(id: AppId, image: string): void {
    if (!this.#machines.has(id)) throw new GuestError(`there is no machine ${id}`);
    if (!this.#options.hasFile(image)) throw new GuestError(`Could not open '${image}'`);
  }
}

class SimHypervisorPort implements Hypervisor {
  readonly emulated = true;
  readonly #hypervisor: SimHypervisor;
  readonly #guests = new Set<SimGuest>();
  #dead = false;

  constructor(hypervisor: SimHypervisor) {
    this.#hypervisor = hypervisor;
  }

  die(): void {
    this.#dead = true;
    for (const guest of this.#guests) guest.abandon();
  }

  async confinement(): Promise<Confinement> {
    return { limits: true, unprivileged: true };
  }

  async list(): Promise<AppId[]> {
    await this.#turn();
    return this.#hypervisor.machines().map(({ id }) => id);
  }

  async processors(): Promise<readonly number[]> {
    await this.#turn();
    return [0, 1, 2, 3];
  }

  async place(id: AppId, processors: MachineProcessors): Promise<void> {
    await this.#turn();
    this.#hypervisor.machine(id)?.place(processors);
  }

  async launch(spec: VmSpec): Promise<void> {
    await this.#turn();
    this.#hypervisor.launch(spec);
  }

  async connect(id: AppId, changed: () => void, signal: AbortSignal): Promise<Guest> {
    await this.#turn();
    const machine = this.#hypervisor.machine(id);
    if (machine === undefined) throw new GuestError(`there is no machine ${id}`);
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new GuestError(describeError(signal.reason))), {
        once: true,
      });
    });
    const isUp = await Promise.race([machine.booted(), aborted]);
    await this.#turn();
    if (!isUp) throw new GuestError(`machine ${id} ended while it booted`);
    const guest = new SimGuest(machine, changed);
    this.#guests.add(guest);
    return guest;
  }

  async kill(id: AppId): Promise<void> {
    await this.#turn();
    this.#hypervisor.machine(id)?.die();
  }

  async remove(id: AppId): Promise<void> {
    await this.#turn();
    this.#hypervisor.remove(id);
  }

  async addImage(id: AppId, _part: number, path: string): Promise<void> {
    await this.#turn();
    this.#hypervisor.addImage(id, path);
  }

  async screen(): Promise<undefined> {
    await this.#turn();
  }

  async usage(id: AppId): Promise<VmUsage | undefined> {
    await this.#turn();
    const machine = this.#hypervisor.machine(id);
    if (machine === undefined) return undefined;
    return {
      cpuNanos: machine.cpuNanos(),
      memoryBytes: machine.spec.memoryMib * 2 ** 20,
      rxBytes: 0n,
      txBytes: 0n,
      diskReadBytes: 0n,
      diskWriteBytes: 0n,
    };
  }

  async lastWords(id: AppId): Promise<string> {
    await this.#turn();
    return this.#hypervisor.lastWords(id);
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#dead) await never();
  }
}
