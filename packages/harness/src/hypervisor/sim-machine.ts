/**
 * A virtual machine of the simulation and what runs in it. Programs are known by the first word of what a
 * container starts, so a test's manifest says how its app behaves:
 *
 *   serve            runs until asked to end; answers HTTP on every port (what any other word means, too)
 *   stubborn         ignores being asked to end, and its machine ignores being switched off
 *   exit CODE MS     ends by itself with CODE after MS milliseconds
 *   panic MS         takes its whole machine down after MS milliseconds
 *   shout LINES      writes that many lines, then serves
 */
import { between, type Clock, type Instant, instant, millis, type Random, type Timer } from "@selvedge/base";
import type {
  AppId,
  ContainerRun,
  ContainerStart,
  GuestNetwork,
  GuestOutput,
  MachineProcessors,
  VmSpec,
} from "@selvedge/engine";

interface SimContainer {
  readonly start: ContainerStart;
  run: ContainerRun;
  readonly startedAt: Instant;
  timer: Timer | undefined;
  /** Written and not acknowledged. */
  output: GuestOutput[];
  written: number;
}

/** What a listener of a machine is told; it looks for itself. */
export interface MachineListener {
  changed(): void;
  output(output: GuestOutput): void;
  gone(): void;
}

const sigterm = 15;
const sigkill = 9;
/** A guest keeps this much output that nobody acknowledged; more is lost, as in the real one. */
const outputMax = 256 * 1024;

export class SimMachine {
  readonly id: AppId;
  readonly spec: VmSpec;
  readonly launchedAt: Instant;
  readonly files: Map<string, Uint8Array> = new Map<string, Uint8Array>();
  readonly containers: Map<number, SimContainer> = new Map<number, SimContainer>();
  network: GuestNetwork | undefined;
  processors: MachineProcessors | undefined;
  #booted = false;
  #gone = false;
  /** What it does, in thousandths of a processor, since when, and what it has used until then. */
  #work = { millis: 0, since: instant(0), used: 1_000_000n };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];
  readonly #onGone: () => void;
  #listener: MachineListener | undefined;

  constructor(
    spec: VmSpec,
    parts: {
      readonly clock: Clock;
      readonly random: Random;
      readonly bootMs: number;
      /** It dies while it boots. */
      readonly diesBooting: boolean;
      readonly onGone: () => void;
    },
  ) {
    this.id = spec.id;
    this.spec = spec;
    this.processors = spec.processors;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#onGone = parts.onGone;
    this.launchedAt = parts.clock.now();
    parts.clock.setTimer(millis(parts.bootMs), () => (parts.diesBooting ? this.die() : this.#boot()));
  }

  place(processors: MachineProcessors): void {
    this.processors = processors;
  }

  /** From now on it keeps so many thousandths of a processor busy. */
  works(millis: number): void {
    this.#work = { millis, since: this.#clock.now(), used: this.cpuNanos() };
  }

  /** What it has used of processors, all of it in its one container. */
  cpuNanos(): bigint {
    const { millis, since, used } = this.#work;
    return used + BigInt(millis * between(since, this.#clock.now())) * 1000n;
  }

  get isGone(): boolean {
    return this.#gone;
  }

  /** Resolves once the agent answers, or the machine is gone. */
  async booted(): Promise<boolean> {
    if (!this.#booted && !this.#gone) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return !this.#gone;
  }

  /** One at a time, as one end of a serial port: who listens now has taken over. */
  listen(listener: MachineListener): void {
    this.#listener?.gone();
    this.#listener = listener;
    for (const container of this.containers.values()) {
      for (const output of container.output) listener.output(output);
    }
  }

  unlisten(listener: MachineListener): void {
    if (this.#listener === listener) this.#listener = undefined;
  }

  start(start: ContainerStart): void {
    const before = this.containers.get(start.index);
    if (before !== undefined && before.start.attempt >= start.attempt) return;
    const startedAt = this.#clock.now();
    const container: SimContainer = {
      start,
      startedAt,
      run: { phase: "running", attempt: start.attempt, startedAt },
      timer: undefined,
      output: [],
      written: 0,
    };
    this.containers.set(start.index, container);
    const [program = "", first = "", second = ""] = start.args;
    if (program === "exit") {
      container.timer = this.#after(Number(second || 0), () => this.#exit(container, Number(first), 0));
    } else if (program === "panic") {
      container.timer = this.#after(Number(first || 0), () => this.die());
    } else if (program === "shout") {
      for (let line = 0; line < Number(first); line++) this.#write(container, `line ${line}\n`);
    }
    this.#listener?.changed();
  }

  signal(index: number, signal: number): void {
    const container = this.containers.get(index);
    if (container === undefined || container.run.phase !== "running") return;
    if (signal === sigkill) this.#exit(container, 128 + sigkill, sigkill);
    else if (signal === sigterm && program(container) !== "stubborn") {
      container.timer?.cancel();
      container.timer = this.#after(50 + this.#random.next() * 400, () => this.#exit(container, 0, 0));
    }
  }

  powerOff(): void {
    const runs = [...this.containers.values()].filter(({ run }) => run.phase === "running");
    if (runs.some((container) => program(container) === "stubborn")) return;
    for (const index of this.containers.keys()) this.signal(index, sigterm);
    this.#after(600, () => this.die());
  }

  acknowledge(index: number, attempt: number, offset: number): void {
    const container = this.containers.get(index);
    if (container?.start.attempt !== attempt) return;
    container.output = container.output.filter((output) => output.offset + output.bytes.length > offset);
  }

  /** Some container that answers on the network. */
  serves(): boolean {
    return [...this.containers.values()].some(
      (container) => container.run.phase === "running" && !["exit", "panic"].includes(program(container)),
    );
  }

  /** Off, by whatever cause. */
  die(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const { timer } of this.containers.values()) timer?.cancel();
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#onGone();
    this.#listener?.gone();
    this.#listener = undefined;
  }

  #boot(): void {
    if (this.#gone) return;
    this.#booted = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #exit(container: SimContainer, code: number, signal: number): void {
    if (this.#gone || container.run.phase !== "running") return;
    container.timer?.cancel();
    container.run = {
      phase: "exited",
      attempt: container.start.attempt,
      code,
      signal,
      outOfMemory: false,
      startedAt: container.startedAt,
      finishedAt: this.#clock.now(),
    };
    this.#listener?.changed();
  }

  #write(container: SimContainer, text: string): void {
    const bytes = new TextEncoder().encode(text);
    const { index, attempt } = container.start;
    const output: GuestOutput = {
      container: index,
      attempt,
      channel: 1,
      offset: container.written,
      at: this.#clock.now(),
      bytes,
    };
    container.written += bytes.length;
    const held = container.output.reduce((sum, kept) => sum + kept.bytes.length, 0);
    if (held + bytes.length <= outputMax) container.output.push(output);
    this.#listener?.output(output);
  }

  #after(span: number, act: () => void): Timer {
    return this.#clock.setTimer(millis(span), act);
  }
}

function program(container: SimContainer): string {
  return container.start.args[0] ?? "";
}
