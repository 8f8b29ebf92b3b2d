import { constants } from "node:os";
import { describeError, millis, sleep } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { AppContext } from "./app-context.ts";
import type { AppEventInput } from "./app-events.ts";
import { type AppRecord, allContainers } from "./app-record.ts";
import type { Guest, GuestOutput } from "./hypervisor.ts";
import { runAction } from "./probes/action.ts";
import type { ActionTarget } from "./probes/action-target.ts";

export interface MachineOwner {
  readonly context: AppContext;
  record(): AppRecord;
  event(event: AppEventInput): void;
  output(output: GuestOutput): void;
  target(index: number): ActionTarget | undefined;
}

/** A guest that was told to switch off and does not is switched off. */
const powerOffMs = 5000;
/** As in Kubernetes, a hook that took all of the grace leaves its container this much. */
const hookExtraMs = 2000;
/** What is left to a sidecar when the others took all of the grace. */
const sidecarSeconds = 2;
const signals: Readonly<Record<string, number>> = constants.signals;

/**
 * One app's machine as it is now: the connection to its guest, and the long acts on it, which go on beside
 * the passes and wake the app when they are done.
 */
export class AppMachine {
  readonly #owner: MachineOwner;
  /** By its number: which attempt of a container the connected guest was asked to start last. */
  readonly asked: Map<number, number> = new Map();
  readonly stopping: Map<number, Promise<void>> = new Map();
  guest: Guest | undefined;
  #connecting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #waiters: (() => void)[] = [];
  #failures = 0;
  #nextLaunch = 0;
  /** Since when the machine has not answered. */
  #lostAt: number | undefined;
  #closed = false;

  constructor(owner: MachineOwner) {
    this.#owner = owner;
  }

  get connected(): boolean {
    return this.guest?.connected === true;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  get launchWaitMs(): number {
    return Math.max(0, this.#nextLaunch - this.#owner.context.clock.monotonic());
  }

  /** A launch or a boot failed: the next waits, twice as long each time. */
  launchFailed(): void {
    this.#failures++;
    const { clock, settings } = this.#owner.context;
    const longest = settings.seconds("timer.boot.retry");
    this.#nextLaunch = clock.monotonic() + Math.min(longest, 1000 * 2 ** Math.min(this.#failures, 20));
  }

  /** Begins to connect, unless it is connecting. */
  connect(signal: AbortSignal): void {
    if (this.#stopping !== undefined || this.#closed) return;
    this.#connecting ??= this.#connect(signal)
      .catch(async (error: unknown) => {
        if (signal.aborted || this.#closed) return;
        const { hypervisor, log, clock } = this.#owner.context;
        const { id } = this.#owner.record();
        const words = await hypervisor.lastWords(id);
        const message = `Failed to create pod sandbox: ${describeError(error)}${words === "" ? "" : `: ${words}`}`;
        log.warn("machine does not answer", { app: id, error: message });
        this.#lostAt ??= clock.monotonic();
        // What runs in there may be well: it is left alone for long before it is ended.
        const lostMs = clock.monotonic() - this.#lostAt;
        if (lostMs < this.#patienceMs())
          return await sleep(clock, millis(reconnectMs), signal).catch(() => {});
        log.warn("ending a machine that does not answer", { app: id });
        this.#owner.event({ type: "Warning", reason: "FailedCreatePodSandBox", message });
        this.#lostAt = undefined;
        this.launchFailed();
        await hypervisor.kill(id);
      })
      .finally(() => {
        this.#connecting = undefined;
        this.#wake();
      });
  }

  /** One that was well is left alone for long; one that never was, for as much longer as earlier ones failed. */
  #patienceMs(): number {
    if (this.#owner.record().machine?.prepared === true) return patienceMs;
    return Math.min(patienceMs, bootPatienceMs * (2 ** Math.min(this.#failures, 10) - 1));
  }

  /** Begins to stop one container: its hook, its stop signal, after the grace the kernel's kill. */
  stopContainer(index: number, graceSeconds: () => number): Promise<void> {
    let stopping = this.stopping.get(index);
    if (stopping === undefined) {
      stopping = this.#stopContainer(index, graceSeconds).finally(() => {
        this.stopping.delete(index);
        this.#wake();
      });
      this.stopping.set(index, stopping);
    }
    return stopping;
  }

  /** Begins to stop all containers and then the machine. */
  stop(): void {
    this.#stopping ??= this.#stop()
      .catch((error: unknown) => {
        const { log } = this.#owner.context;
        log.error("stopping failed", { app: this.#owner.record().id, error: describeError(error) });
        return sleep(this.#owner.context.clock, millis(stopAgainMs));
      })
      .finally(() => {
        this.#stopping = undefined;
        this.#wake();
      });
  }

  /** The guest told something, or the connection changed. */
  changed(): void {
    this.nudge();
    this.#wake();
  }

  /** Those who wait for an end look again: the grace may have shrunk. */
  nudge(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  forget(): void {
    this.guest?.close();
    this.guest = undefined;
    this.asked.clear();
  }

  /** The engine ends: machines go on, and whatever was under way is taken up by the next engine. */
  async settle(): Promise<void> {
    this.#closed = true;
    this.nudge();
    this.forget();
    await Promise.allSettled([this.#connecting, this.#stopping, ...this.stopping.values()]);
  }

  #wake(): void {
    this.#owner.context.wake(this.#owner.record().id);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { hypervisor } = this.#owner.context;
    this.forget();
    const guest = await hypervisor.connect(this.#owner.record().id, () => this.changed(), signal);
    guest.onOutput((output) => this.#owner.output(output));
    this.guest = guest;
    this.#lostAt = undefined;
    if (this.#closed) this.forget();
    this.#failures = 0;
  }

  /** As far as it goes: a guest that does not answer soon is ended without a word. */
  async #connectSoon(): Promise<void> {
    const { clock, log } = this.#owner.context;
    const late = new AbortController();
    const timer = clock.setTimer(millis(farewellMs), () =>
      late.abort(new Error("the guest does not answer")),
    );
    try {
      await this.#connect(late.signal);
    } catch (error) {
      log.warn("machine ends without grace", { app: this.#owner.record().id, error: describeError(error) });
    } finally {
      timer.cancel();
    }
  }

  async #stopContainer(index: number, graceSeconds: () => number): Promise<void> {
    const { context } = this.#owner;
    const { clock } = context;
    const container = allContainers(this.#owner.record().spec)[index - 1]?.container;
    const { guest } = this;
    if (container === undefined || guest === undefined || !this.#runs(index)) return;
    this.#owner.event({
      ...{ type: "Normal", reason: "Killing", message: `Stopping container ${container.name}` },
      container: container.name,
    });
    const began = clock.monotonic();
    const left = (): number => began + graceSeconds() * 1000 - clock.monotonic();
    const target = this.#owner.target(index);
    if (container.preStop !== undefined && target !== undefined && graceSeconds() > 0) {
      const never = new AbortController().signal;
      const result = await runAction(container.preStop, target, clock, left(), never);
      if (!result.ok) {
        const message = `PreStopHook failed: ${result.message}`;
        this.#owner.event({
          type: "Warning",
          reason: "FailedPreStopHook",
          message,
          container: container.name,
        });
      }
    }
    if (this.#closed) return;
    if (graceSeconds() > 0 && this.#runs(index)) guest.signal(index, this.#stopSignal(container));
    const least = clock.monotonic() + (graceSeconds() > 0 ? hookExtraMs : 0);
    await this.#untilOver(index, () => Math.max(left(), least - clock.monotonic()));
    if (this.#runs(index)) guest.signal(index, 9);
    const deadline = clock.monotonic() + powerOffMs;
    await this.#untilOver(index, () => deadline - clock.monotonic());
  }

  #stopSignal({ contentTreeId, stopSignal }: ext.Container): number {
    const content = [...this.#owner.context.store.contents.entries()].find(
      ([id]) => id === contentTreeId,
    )?.[1];
    const own = content?.phase === "ready" ? (content.config?.stopSignal ?? "") : "";
    const name = stopSignal || own;
    return signals[name] ?? signals[`SIG${name}`] ?? (Number(name) || 15);
  }

  async #stop(): Promise<void> {
    const { hypervisor, clock } = this.#owner.context;
    const { id } = this.#owner.record();
    await this.#connecting;
    // Left over from an earlier engine, or its connection broke: it still has a right to its grace.
    if (!this.connected && !this.#closed) await this.#connectSoon();
    if (this.connected) {
      await this.#stopContainers();
      if (this.#closed) return;
      this.guest?.powerOff();
      for (let waited = 0; waited < powerOffMs && (await hypervisor.list()).includes(id); waited += pollMs)
        await sleep(clock, millis(pollMs));
    }
    if (!this.#closed) await hypervisor.kill(id);
  }

  /** All at once; then what stayed beside them, the last that began first. They share one grace. */
  async #stopContainers(): Promise<void> {
    const { clock } = this.#owner.context;
    const began = clock.monotonic();
    const all = allContainers(this.#owner.record().spec);
    const grace = (): number => this.#owner.record().spec.pod.terminationGraceSeconds;
    const first = all.filter(({ role }) => role !== "sidecar");
    await Promise.all(first.map(({ index }) => this.stopContainer(index, grace)));
    for (const { index } of all.filter(({ role }) => role === "sidecar").reverse()) {
      if (this.#closed) return;
      const before = (clock.monotonic() - began) / 1000;
      await this.stopContainer(index, () => (grace() > 0 ? Math.max(sidecarSeconds, grace() - before) : 0));
    }
  }

  #runs(index: number): boolean {
    const container = this.#owner.record().containers[index - 1];
    const run = this.guest?.run(index);
    return this.connected && run?.phase === "running" && run.attempt === container?.attempt;
  }

  async #untilOver(index: number, leftMs: () => number): Promise<void> {
    const { clock } = this.#owner.context;
    while (this.#runs(index) && !this.#closed) {
      const left = leftMs();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(millis(left), resolve);
        this.#waiters.push(() => {
          timer.cancel();
          resolve();
        });
      });
    }
  }
}

const pollMs = 50;
/** How long a machine that was well may be silent, and how often it is asked meanwhile. */
const patienceMs = 600_000;
const reconnectMs = 5000;
/** A box that is too busy to start a machine in time would never start it if each were ended as early. */
const bootPatienceMs = 120_000;
/** For a guest to answer before it is stopped; one that is well answers at once. */
const farewellMs = 15_000;
/** Before a stop that failed is tried again. */
const stopAgainMs = 1000;
