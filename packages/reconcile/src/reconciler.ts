import type { Millis } from "@selvedge/base";

/** How one pass over one key ended. */
export type Outcome =
  /** Nothing left to do until somebody wakes the key. */
  | { readonly done: true }
  /** Not there yet, and nobody's fault: look again after `again`. */
  | { readonly done: false; readonly reason: string; readonly again: Millis };

export const settled: Outcome = { done: true };

export function lookAgain(reason: string, again: Millis): Outcome {
  return { done: false, reason, again };
}

/**
 * One writer's work on one kind of thing. A pass is level-triggered: the key says which thing, never what
 * happened to it; the pass reads everything again, takes the step, and reports. Throwing means "failed, try
 * again with backoff".
 */
export interface Reconciler<Key extends string = string> {
  readonly name: string;
  /** Kinds of state it looks at. */
  readonly reads: readonly string[];
  /** Kinds of state only it writes. */
  readonly writes: readonly string[];
  reconcile(key: Key, signal: AbortSignal): Promise<Outcome>;
}
