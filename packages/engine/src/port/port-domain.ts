import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import { type PortParts, PortReconciler, portKey } from "./port-reconciler.ts";

export interface PortDomain extends AsyncDisposable {
  readonly reconciler: PortReconciler;
  start(): Promise<void>;
}

export function createPortDomain(
  options: PortParts & { readonly clock: Clock; readonly random: Random; readonly log: Log },
): PortDomain {
  const { store, clock, random } = options;
  const log = options.log.child("port");
  const reconciler = new PortReconciler({ ...options, log });
  const runner = new Runner<typeof portKey>({ reconciler, clock, random, log });
  const stops: (() => void)[] = [];
  return {
    reconciler,
    async start() {
      await reconciler.load();
      const wake = (): void => runner.wake(portKey);
      stops.push(
        store.desired.subscribe(wake),
        store.networks.subscribe(wake),
        store.certificates.subscribe(wake),
        options.driver.onLetIn((card) => {
          reconciler.letIn(card);
          wake();
        }),
      );
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
