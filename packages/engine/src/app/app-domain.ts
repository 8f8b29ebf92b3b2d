import type { Clock, Log, Random } from "@selvedge/base";
import type { Reconciler, Runner } from "@selvedge/reconcile";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { AppLogOutbox, AppStreams, AppUsages, HostFacts, SecretOpener } from "../ports.ts";
import type { Hypervisor } from "./hypervisor.ts";

export interface AppDomainOptions {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly hypervisor: Hypervisor;
  readonly secrets: SecretOpener;
  readonly facts: Pick<HostFacts, "bootId" | "architecture" | "internalIp">;
  /** What all apps' machines together may have: the same number that the node reports as allocatable. */
  readonly memoryForAppsBytes: number;
}

export interface AppDomain extends AsyncDisposable {
  readonly reconciler: Reconciler<AppId>;
  readonly runner: Runner<AppId>;
  readonly streams: AppStreams;
  readonly usages: AppUsages;
  readonly logs: AppLogOutbox;
  /** Finds the machines that run and the records of an earlier engine, then follows the desired state. */
  start(): Promise<void>;
}

export function createAppDomain(_options: AppDomainOptions): AppDomain {
  throw new Error("unfinished");
}
