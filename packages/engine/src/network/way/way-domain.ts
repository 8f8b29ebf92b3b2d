import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import { type WayParts, WayReconciler, waysKey } from "./way-reconciler.ts";

export interface WayDomain extends AsyncDisposable {
  readonly reconciler: WayReconciler;
  start(): Promise<void>;
}

export function createWayDomain(
  options: WayParts & { readonly clock: Clock; readonly random: Random; readonly log: Log },
): WayDomain {
  const { store, clock, random } = options;
  const log = options.log.child("way");
  const reconciler = new WayReconciler({ ...options, log });
  const runner = new Runner<typeof waysKey>({ reconciler, clock, random, log });
  const stops: (() => void)[] = [];
  return {
    reconciler,
    async start() {
      const wake = (): void => runner.wake(waysKey);
      stops.push(store.desired.subscribe(wake), store.ports.subscribe(wake));
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
