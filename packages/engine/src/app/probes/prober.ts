import { type Clock, millis } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { AppEventInput } from "../app-events.ts";
import { runAction } from "./action.ts";
import type { ActionResult, ActionTarget } from "./action-target.ts";
import { newProbe, nextProbe, type ProbeState, probeTiming } from "./probe-state.ts";

export interface ProberParts {
  readonly clock: Clock;
  readonly container: ext.Container;
  readonly target: ActionTarget;
  readonly event: (event: AppEventInput) => void;
  /** A verdict changed: look again. */
  readonly changed: () => void;
}

const kinds = ["startup", "liveness", "readiness"] as const;
type Kind = (typeof kinds)[number];

/**
 * Probes one attempt of one container, until it is closed. The others wait for the start-up probe to
 * succeed.
 */
export class Prober {
  readonly #parts: ProberParts;
  readonly #states = new Map<Kind, ProbeState>();
  readonly #stop = new AbortController();
  readonly #timers = new Map<Kind, { cancel(): void }>();

  constructor(parts: ProberParts) {
    this.#parts = parts;
    if (parts.container.startup === undefined) this.#beginOthers();
    else this.#begin("startup", parts.container.startup);
  }

  get started(): boolean {
    return this.#parts.container.startup === undefined || this.#verdict("startup") === "success";
  }

  get ready(): boolean {
    return (
      this.started &&
      (this.#parts.container.readiness === undefined || this.#verdict("readiness") === "success")
    );
  }

  /** Why the container must be restarted, if it must. */
  get unhealthy(): string | undefined {
    const { name } = this.#parts.container;
    if (this.#verdict("startup") === "failure")
      return `Container ${name} failed startup probe, will be restarted`;
    if (this.#verdict("liveness") === "failure")
      return `Container ${name} failed liveness probe, will be restarted`;
    return undefined;
  }

  /** Seconds of grace that the probe that failed asks for; 0: the app's own. */
  get graceSeconds(): number {
    const { startup, liveness } = this.#parts.container;
    const probe = this.#verdict("startup") === "failure" ? startup : liveness;
    return probe?.terminationGraceSeconds ?? 0;
  }

  close(): void {
    this.#stop.abort();
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #verdict(kind: Kind): ProbeState["verdict"] {
    return this.#states.get(kind)?.verdict;
  }

  #beginOthers(): void {
    const { liveness, readiness } = this.#parts.container;
    if (liveness !== undefined) this.#begin("liveness", liveness);
    if (readiness !== undefined) this.#begin("readiness", readiness);
  }

  #begin(kind: Kind, probe: ext.Probe): void {
    this.#states.set(kind, newProbe);
    this.#later(kind, probe, probeTiming(probe).initialDelayMs);
  }

  #later(kind: Kind, probe: ext.Probe, spanMs: number): void {
    if (this.#stop.signal.aborted) return;
    const fire = (): void => void this.#round(kind, probe);
    this.#timers.set(kind, this.#parts.clock.setTimer(millis(spanMs), fire));
  }

  async #round(kind: Kind, probe: ext.Probe): Promise<void> {
    const { clock, target } = this.#parts;
    const timing = probeTiming(probe);
    if (probe.action === undefined) return;
    const began = clock.monotonic();
    const result = await runAction(probe.action, target, clock, timing.timeoutMs, this.#stop.signal);
    if (this.#stop.signal.aborted) return;
    this.#take(kind, probe, result);
    const over = kind === "startup" && this.#verdict(kind) === "success";
    if (!over) this.#later(kind, probe, Math.max(0, timing.periodMs - (clock.monotonic() - began)));
  }

  #take(kind: Kind, probe: ext.Probe, result: ActionResult): void {
    const { event, changed, container } = this.#parts;
    const before = this.#states.get(kind) ?? newProbe;
    const after = nextProbe(before, probeTiming(probe), result.ok);
    this.#states.set(kind, after);
    const word = { startup: "Startup", liveness: "Liveness", readiness: "Readiness" }[kind];
    if (!result.ok) {
      const message = `${word} probe failed: ${result.message}`;
      event({ type: "Warning", reason: "Unhealthy", message, container: container.name });
    } else if (result.warning !== undefined) {
      const message = `${word} probe warning: ${result.warning}`;
      event({ type: "Warning", reason: "ProbeWarning", message, container: container.name });
    }
    if (after.verdict === before.verdict) return;
    if (kind === "startup" && after.verdict === "success") this.#beginOthers();
    changed();
  }
}
