import type { KubeObject } from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import type { Reconciler } from "@selvedge/reconcile";

/** Which keys a change of an object wakes. A wake says which thing, never what happened to it. */
export interface Wake {
  readonly kind: KindRef;
  keys(before: KubeObject | undefined, after: KubeObject | undefined): readonly string[];
}

/** A reconciler and what wakes it. */
export interface Wired {
  readonly reconciler: Reconciler;
  readonly wakes: readonly Wake[];
  /** Keys to wake at start, besides those of the objects that are there. */
  readonly initial?: readonly string[];
  /** Other sources of wake-ups. Returns how to stop. */
  readonly connect?: (wake: (key: string) => void) => () => void;
  readonly concurrency?: number;
}

/** Types a wake's function by its kind's objects. */
export function wakeOn<T extends KubeObject>(
  kind: KindRef,
  keys: (before: T | undefined, after: T | undefined) => readonly string[],
): Wake {
  return { kind, keys: keys as Wake["keys"] };
}
