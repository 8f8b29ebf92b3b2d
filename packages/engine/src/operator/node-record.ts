/**
 * What a node remembers of itself through reboots: the commands it has carried out, and why it went down. One
 * file, replaced whole.
 */
import type { Instant } from "@selvedge/base";
import type { HostFacts } from "../ports.ts";

/** Why a box came up, in the API's distinctions. */
export type BootReason = "first" | "command" | "disconnect" | "kernel" | "watchdog" | "powerOff" | "unknown";

export interface Descent {
  readonly reason: string;
  readonly boot: BootReason;
  readonly at: Instant;
}

export interface NodeRecord {
  readonly bootId: string;
  /** Boots since the node was made. */
  readonly boots: number;
  /** Of the configuration, as last carried out or first seen; absent: none was seen. */
  readonly rebootCounter: number | undefined;
  readonly shutdownCounter: number | undefined;
  /** All apps were stopped for good until the box boots again. */
  readonly prepared: boolean;
  /** The box is being taken down. */
  readonly descent: Descent | undefined;
  /** How the box came to its boot of now. */
  readonly last: (Descent & { readonly stack: string }) | undefined;
}

export const newNode: NodeRecord = {
  ...{ bootId: "", boots: 0, rebootCounter: undefined, shutdownCounter: undefined },
  ...{ prepared: false, descent: undefined, last: undefined },
};

type Boot = Pick<HostFacts, "bootId" | "bootedAt"> & {
  /** What the hardware or the kernel remembers of the end of the boot before; undefined: nothing. */
  readonly trace: { readonly boot: "kernel" | "watchdog"; readonly text: string } | undefined;
};

/** The record at a start of the engine: after a boot of the box, or only of the engine. Pure. */
export function atStart(before: NodeRecord, { bootId, bootedAt, trace }: Boot): NodeRecord {
  // An engine that was told to begin anew in place of the box does not see another boot.
  if (before.bootId === bootId && before.descent === undefined) return before;
  const first = before.bootId === "";
  const descent: Descent =
    before.descent ??
    (trace !== undefined
      ? { reason: reasons[trace.boot], boot: trace.boot, at: bootedAt }
      : first
        ? { reason: "first boot of this node", boot: "first", at: bootedAt }
        : { reason: reasons.unknown, boot: "unknown", at: bootedAt });
  return {
    ...before,
    ...{ bootId, boots: before.boots + 1, prepared: false, descent: undefined },
    last: { ...descent, stack: trace?.text.slice(0, stackMax) ?? "" },
  };
}

const reasons = {
  kernel: "the kernel stopped with an error",
  watchdog: "the hardware watchdog reset the box",
  unknown: "the box went down without the engine's doing: power cut, reset, or its own system",
} as const;
/** EVE's bound of a stack. */
const stackMax = 1600;

/** Undefined when it is not one. */
export function decodeNode(bytes: Uint8Array): NodeRecord | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<NodeRecord> | null;
    if (typeof value !== "object" || typeof value?.bootId !== "string") return undefined;
    return { ...newNode, ...value };
  } catch {
    return undefined;
  }
}

export type Command = "reboot" | "shutdown";

/** What the configuration's counters ask for, and what is remembered then. Pure. */
export function dueCommand(
  record: NodeRecord,
  wishes: { readonly rebootCounter: number | undefined; readonly shutdownCounter: number | undefined },
): { readonly record: NodeRecord; readonly command: Command | undefined } {
  const { rebootCounter, shutdownCounter } = wishes;
  const moved = (known: number | undefined, asked: number | undefined): boolean =>
    // The first one ever seen was meant for who was here before.
    known !== undefined && asked !== undefined && known !== asked;
  const reboot = moved(record.rebootCounter, rebootCounter);
  const shutdown = moved(record.shutdownCounter, shutdownCounter);
  const same = record.rebootCounter === rebootCounter && record.shutdownCounter === shutdownCounter;
  return {
    record: same ? record : { ...record, rebootCounter, shutdownCounter },
    command: reboot ? "reboot" : shutdown ? "shutdown" : undefined,
  };
}
