import {
  type ContainerRun,
  type ContainerStart,
  type ContainerStats,
  type Guest,
  GuestError,
  type GuestNetwork,
  type GuestOutput,
  type GuestStream,
} from "@selvedge/engine";
import type { MachineListener, SimMachine } from "./sim-machine.ts";
import { execStream, httpStream, refusedStream } from "./sim-stream.ts";

/**
 * One engine's connection to the agent of a machine. After the engine's death, or the machine's, it does
 * nothing.
 */
export class SimGuest implements Guest, MachineListener {
  readonly #machine: SimMachine;
  readonly #tell: () => void;
  readonly #listeners: ((output: GuestOutput) => void)[] = [];
  #early: GuestOutput[] = [];
  #connected = true;

  constructor(machine: SimMachine, changed: () => void) {
    this.#machine = machine;
    this.#tell = changed;
    machine.listen(this);
  }

  get connected(): boolean {
    return this.#connected;
  }

  changed(): void {
    // Not at once: a real agent's message takes a turn of the event loop, and callers must not rely on less.
    setImmediate(() => {
      if (this.#connected) this.#tell();
    });
  }

  output(output: GuestOutput): void {
    if (this.#listeners.length === 0) this.#early.push(output);
    for (const listener of this.#listeners) listener(output);
  }

  gone(): void {
    if (!this.#connected) return;
    this.#connected = false;
    setImmediate(this.#tell);
  }

  /** The engine that held this is dead: it hears nothing any more. */
  abandon(): void {
    this.#connected = false;
    this.#machine.unlisten(this);
  }

  setup(network: GuestNetwork): void {
    if (this.#connected) this.#machine.network = network;
  }

  volume(_name: string, _kind: "memory" | "scratch", _bytes: number): void {}

  mountVolume(): void {}

  writeFile(path: string, _mode: number, content: Uint8Array): void {
    if (this.#connected) this.#machine.files.set(path, content.slice());
  }

  publish(volume: string, set: string): void {
    if (!this.#connected) return;
    const { files } = this.#machine;
    const from = `${volume}/${set}/`;
    const fresh = [...files].filter(([path]) => path.startsWith(from));
    for (const path of [...files.keys()]) if (path.startsWith(`${volume}/`)) files.delete(path);
    for (const [path, content] of fresh) {
      files.set(path, content);
      files.set(`${volume}/${path.slice(from.length)}`, content);
    }
  }

  start(container: ContainerStart): void {
    if (this.#connected) this.#machine.start(container);
  }

  signal(container: number, signal: number): void {
    if (this.#connected) this.#machine.signal(container, signal);
  }

  run(container: number): ContainerRun | undefined {
    return this.#machine.containers.get(container)?.run;
  }

  onOutput(listener: (output: GuestOutput) => void): void {
    this.#listeners.push(listener);
    for (const output of this.#early.splice(0)) listener(output);
  }

  acknowledge(container: number, attempt: number, offset: number): void {
    if (this.#connected) this.#machine.acknowledge(container, attempt, offset);
  }

  async input(): Promise<void> {
    if (!this.#connected) throw new GuestError("the machine is gone");
  }

  endInput(): void {}

  resize(): void {}

  exec(container: number, command: readonly string[]): GuestStream {
    const isRunning = this.run(container)?.phase === "running";
    if (!this.#connected || !isRunning) return refusedStream(`container ${container} does not run`);
    return execStream(command);
  }

  dial(port: number): GuestStream {
    if (!this.#connected || !this.#machine.serves()) return refusedStream(`nothing listens on port ${port}`);
    return httpStream();
  }

  async stats(): Promise<readonly ContainerStats[]> {
    if (!this.#connected) throw new GuestError("the machine is gone");
    const cpuNanos = this.#machine.cpuNanos();
    return [...this.#machine.containers.values()]
      .filter(({ run }) => run.phase === "running")
      .map(({ start }) => ({ container: start.index, cpuNanos, memoryBytes: 8 * 2 ** 20 }));
  }

  powerOff(): void {
    if (this.#connected) this.#machine.powerOff();
  }

  close(): void {
    this.abandon();
  }
}
