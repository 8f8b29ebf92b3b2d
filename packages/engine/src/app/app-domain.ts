import type { Clock, Log, Random } from "@selvedge/base";
import { Runner } from "@selvedge/reconcile";
import type { NodeSettings } from "../control/settings/settings.ts";
import { type AppId, neededVolumes, type VolumeKey } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { AppLogOutbox, AppStreams, AppUsages, HostFacts, SecretOpener, Vault } from "../ports.ts";
import type { AppContext } from "./app-context.ts";
import { recordPath } from "./app-instance.ts";
import { AppReconciler } from "./app-reconciler.ts";
import { type AppRecord, decodeRecord } from "./app-record.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { LogOutbox } from "./logs/log-outbox.ts";
import { LiveAppStreams } from "./streams/app-streams.ts";
import { MachineUsages } from "./usages.ts";

export interface AppDomainOptions {
  readonly store: EngineStore;
  readonly disk: Disk;
  /** The same disk, for what apps say. */
  readonly sealed: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hypervisor: Hypervisor;
  readonly secrets: SecretOpener;
  readonly vault: Vault;
  readonly facts: Pick<HostFacts, "bootId" | "architecture" | "internalIp" | "cpus">;
  /** What all apps' machines together may have: the same number that the node reports as allocatable. */
  readonly memoryForApps: () => number;
  readonly settings: Pick<NodeSettings, "seconds">;
  /** How long the box has been up. */
  readonly upMs: () => number;
}

export interface AppDomain extends AsyncDisposable {
  readonly reconciler: AppReconciler;
  readonly runner: Runner<AppId>;
  readonly streams: AppStreams;
  readonly usages: AppUsages;
  readonly logs: AppLogOutbox;
  /**
   * Finds the machines that run and the records of an earlier engine, and tells of them. Before anybody who
   * removes what no app has: it may be all that an app can go back to.
   */
  adopt(): Promise<void>;
  /** Follows the desired state. */
  start(): Promise<void>;
}

export function createAppDomain(options: AppDomainOptions): AppDomain {
  const { store, clock, random, disk, hypervisor } = options;
  const log = options.log.child("app");
  const outbox = new LogOutbox();
  const context: AppContext = {
    ...options,
    log,
    wake: (id) => runner.wake(id),
    logsWritten: () => outbox.written(),
  };
  const reconciler = new AppReconciler(context);
  const runner: Runner<AppId> = new Runner<AppId>({ reconciler, clock, random, log });
  const stops: (() => void)[] = [];
  /** Machines that ran when we came: those that nobody wants or remembers are ended. */
  let found: readonly AppId[] = [];
  const wakeAll = (): void => {
    const wanted = store.desired.get()?.apps.map(({ id }) => id) ?? [];
    for (const id of new Set([...wanted, ...reconciler.instances.keys(), ...found])) runner.wake(id);
    if (store.desired.get() !== undefined) found = [];
  };
  const wakeUsers = (key: VolumeKey): void => {
    for (const app of store.desired.get()?.apps ?? []) {
      const held = store.apps.get(app.id)?.volumes ?? [];
      if (held.includes(key) || neededVolumes(app).some((use) => use.key === key)) runner.wake(app.id);
    }
  };
  const wakeOwners = (group: string): void => {
    for (const app of store.desired.get()?.apps ?? []) if (app.adapters?.includes(group)) runner.wake(app.id);
  };
  outbox.follow(reconciler.instances);
  return {
    reconciler,
    runner,
    streams: new LiveAppStreams({ instances: reconciler.instances, log }),
    usages: new MachineUsages({ instances: reconciler.instances, hypervisor }),
    logs: outbox,
    async adopt() {
      found = await hypervisor.list();
      for (const record of await readRecords(disk, context))
        await reconciler.adopt(record, found.includes(record.id));
    },
    async start() {
      stops.push(
        store.desired.subscribe(wakeAll),
        options.vault.onChange(wakeAll),
        store.contents.subscribe(wakeAll),
        store.volumes.subscribe(wakeUsers),
        store.devices.subscribe(wakeOwners),
        store.nics.subscribe((key) => runner.wake(key.split("/")[0] as AppId)),
      );
      wakeAll();
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      // First no more passes: they would connect again to what is let go of here.
      await runner[Symbol.asyncDispose]();
      await Promise.allSettled([...reconciler.instances.values()].map((app) => app.close()));
    },
  };
}

/** A record that cannot be read is as good as none: the app is started anew, and its machine ended first. */
async function readRecords(disk: Disk, { log }: AppContext): Promise<AppRecord[]> {
  const records: AppRecord[] = [];
  for (const id of await disk.list("apps")) {
    const bytes = await disk.read(recordPath(id as AppId));
    if (bytes === undefined) continue;
    try {
      records.push(decodeRecord(bytes));
    } catch (error) {
      log.error("what was known of an app is unreadable; it starts anew", { app: id, error });
    }
  }
  return records;
}
