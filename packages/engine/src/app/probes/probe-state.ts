import type { ext } from "@selvedge/eve-api";

/** How one probe of one attempt stands. */
export interface ProbeState {
  /** Of equal results in a row. */
  readonly row: number;
  readonly lastOk: boolean | undefined;
  /** Undefined: not decided yet. */
  readonly verdict: "success" | "failure" | undefined;
}

export const newProbe: ProbeState = { row: 0, lastOk: undefined, verdict: undefined };

export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** Kubernetes' defaults where the specification says nothing. */
export function probeTiming(probe: ext.Probe): ProbeTiming {
  return {
    initialDelayMs: probe.initialDelaySeconds * 1000,
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1000,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

/** A verdict changes once a result has come often enough in a row. */
export function nextProbe(state: ProbeState, timing: ProbeTiming, ok: boolean): ProbeState {
  const row = state.lastOk === ok ? state.row + 1 : 1;
  const threshold = ok ? timing.successThreshold : timing.failureThreshold;
  const verdict = row >= threshold ? (ok ? "success" : "failure") : state.verdict;
  return { row, lastOk: ok, verdict };
}
