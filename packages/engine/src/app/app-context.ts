import type { Clock, Log, Random } from "@selvedge/base";
import type { NodeSettings } from "../control/settings/settings.ts";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { HostFacts, SecretOpener, Vault } from "../ports.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** What the parts of the app domain work with. */
export interface AppContext {
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
  readonly memoryForApps: () => number;
  readonly settings: Pick<NodeSettings, "seconds">;
  /** How long the box has been up. */
  readonly upMs: () => number;
  /** Something about an app changed: look at it again. */
  readonly wake: (id: AppId) => void;
  /** There is something to upload. */
  readonly logsWritten: () => void;
}

export function appFolder(id: AppId): string {
  return `apps/${id}`;
}
