import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { NetworkDriver } from "./network-driver.ts";
import { isReady, type Machines, NetworkReconciler, networkKey } from "./network-reconciler.ts";
import { chosenOf } from "./way/way-status.ts";

export interface NetworkDomainOptions {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly driver: NetworkDriver;
  readonly machines: Machines | undefined;
  /** Starts the names of our devices and tables; at most 4 characters, so that taps stay below Linux' 15. */
  readonly prefix: string;
  /** The node looks after its ports itself. Not there: it does not. */
  readonly managed?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface NetworkDomain extends AsyncDisposable {
  readonly reconciler: NetworkReconciler;
  readonly runner: Runner<typeof networkKey>;
  start(): Promise<void>;
}

export function createNetworkDomain(options: NetworkDomainOptions): NetworkDomain {
  const { store, disk, driver, machines, prefix, managed = false, clock, random } = options;
  const log = options.log.child("network");
  const reconciler = new NetworkReconciler({ store, disk, driver, machines, prefix, managed, clock, log });
  const runner = new Runner<typeof networkKey>({ reconciler, clock, random, log });
  const stops: (() => void)[] = [];
  const wake = (): void => runner.wake(networkKey);
  return {
    reconciler,
    runner,
    async start() {
      // An app that is gone for good gives its plug back, and services lead to those that are ready; how
      // apps fare otherwise is no matter of ours.
      const ready = new Set<AppId>();
      const appMoved = (id: AppId): void => {
        const app = store.apps.get(id);
        if (app !== undefined && isReady(app) === ready.has(id)) return;
        if (isReady(app)) ready.add(id);
        else ready.delete(id);
        wake();
      };
      // Of ways only what they take is a matter of ours, not how often somebody answered.
      const taken = new Map<string, string>();
      const wayMoved = (key: string): void => {
        const way = store.ways.get(key);
        const now = way === undefined ? "" : JSON.stringify(chosenOf(way));
        if ((taken.get(key) ?? "") === now) return;
        if (now === "") taken.delete(key);
        else taken.set(key, now);
        wake();
      };
      stops.push(
        store.desired.subscribe(wake),
        store.apps.subscribe(appMoved),
        store.ways.subscribe(wayMoved),
      );
      wake();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
