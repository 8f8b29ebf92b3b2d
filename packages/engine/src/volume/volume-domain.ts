import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { VolumeKey } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { Vault } from "../ports.ts";
import type { VolumeDriver } from "./volume-driver.ts";
import { VolumeFiles } from "./volume-files.ts";
import { keysOf } from "./volume-plan.ts";
import { VolumeReconciler } from "./volume-reconciler.ts";

export interface VolumeDomainOptions {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly driver: VolumeDriver;
  readonly vault: Vault;
  /** Which machines go on; an earlier engine's may have volumes. */
  readonly machines: { list(): Promise<readonly unknown[]> } | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface VolumeDomain extends AsyncDisposable {
  readonly reconciler: VolumeReconciler;
  readonly runner: Runner<VolumeKey>;
  /** Cleans up after a crash, then follows the desired state. */
  start(): Promise<void>;
}

/** Making one writes as fast as the disk can; more at once finish none sooner. */
const concurrency = 2;

export function createVolumeDomain(options: VolumeDomainOptions): VolumeDomain {
  const { store, clock, random } = options;
  const log = options.log.child("volume");
  const files = new VolumeFiles(options.disk, log);
  const reconciler = new VolumeReconciler({ ...options, files, log });
  const runner = new Runner<VolumeKey>({ reconciler, clock, random, log, concurrency });
  const wakeAll = (): void => {
    const held = store.apps.entries().flatMap(([, { volumes }]) => volumes);
    for (const key of keysOf(store.desired.get(), [...reconciler.keys, ...store.volumes.keys(), ...held]))
      runner.wake(key);
  };
  const stops: (() => void)[] = [];
  return {
    reconciler,
    runner,
    async start() {
      await reconciler.load(((await options.machines?.list()) ?? []).length > 0);
      stops.push(store.desired.subscribe(wakeAll), store.contents.subscribe(wakeAll));
      stops.push(options.vault.onChange(wakeAll));
      // An app that ends lets go of its volumes, and one that is off has something done with them.
      const held = new Map<string, string>();
      stops.push(
        store.apps.subscribe((id) => {
          const { volumes, open, snapshots, rollback } = store.apps.get(id) ?? {};
          const now = JSON.stringify([volumes, open, snapshots, rollback]);
          if ((held.get(id) ?? "") === now) return;
          if (store.apps.get(id) === undefined) held.delete(id);
          else held.set(id, now);
          wakeAll();
        }),
      );
      wakeAll();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      await runner[Symbol.asyncDispose]();
    },
  };
}
