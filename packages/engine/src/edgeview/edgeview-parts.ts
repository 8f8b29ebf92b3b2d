import type { Clock, Log } from "@selvedge/base";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { HostFacts } from "../ports.ts";
import type { EdgeviewNet } from "./edgeview-net.ts";
import type { RecentLog } from "./recent-log.ts";

export interface EdgeviewParts {
  readonly store: Pick<
    EngineStore,
    "desired" | "contents" | "volumes" | "networks" | "nics" | "apps" | "edgeview"
  >;
  readonly net: EdgeviewNet;
  readonly clock: Clock;
  readonly log: Log;
  readonly recent: RecentLog;
  readonly host: Pick<
    HostFacts,
    "internalIp" | "architecture" | "kernelVersion" | "osImage" | "cpus" | "memoryBytes" | "bootedAt"
  >;
  /** The socket of an app's screen. */
  readonly screen: (id: AppId) => Promise<string | undefined>;
  /** r‖s over the bytes, by the controller's signing key. */
  readonly isFromController: (data: Uint8Array, signature: Uint8Array) => boolean;
}
