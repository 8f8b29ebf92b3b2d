import type { Clock, Log } from "@selvedge/base";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { HardwareProbe } from "../hardware/hardware.ts";
import type { NodeRecord } from "../operator/node-record.ts";
import type { HostFacts } from "../ports.ts";
import type { EdgeviewNet } from "./edgeview-net.ts";
import type { RecentLog } from "./recent-log.ts";
import type { Reports } from "./reports.ts";

export interface EdgeviewParts {
  readonly store: Pick<
    EngineStore,
    "desired" | "contents" | "volumes" | "networks" | "nics" | "apps" | "edgeview" | "ports" | "certificates"
  >;
  readonly net: EdgeviewNet;
  readonly clock: Clock;
  readonly log: Log;
  readonly recent: RecentLog;
  readonly host: Pick<
    HostFacts,
    "internalIp" | "architecture" | "kernelVersion" | "osImage" | "cpus" | "memoryBytes" | "bootedAt"
  >;
  readonly hardware: Pick<HardwareProbe, "inventory" | "processes">;
  /** How the box came to its boot of now. */
  readonly lastBoot: () => NodeRecord["last"];
  /** What the node reports of itself to who helps from afar, by the name of a file. */
  readonly reports: () => Promise<Reports>;
  /** Its name or address. */
  readonly controllerHost: string;
  /** The socket of an app's screen. */
  readonly screen: (id: AppId) => Promise<string | undefined>;
  /** r‖s over the bytes, by the controller's signing key. */
  readonly isFromController: (data: Uint8Array, signature: Uint8Array) => boolean;
}

/** What is seen of a node. */
export type ViewParts = Pick<EdgeviewParts, "store" | "clock" | "recent" | "host" | "hardware" | "lastBoot">;
