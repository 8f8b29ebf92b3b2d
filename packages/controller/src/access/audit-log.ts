import { AuditFile, type AuditOptions } from "@selvedge/apiserver";
import type { Clock, Log } from "@selvedge/base";
import type { AuditFlags } from "./access-flags.ts";

export interface AuditLogPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
}

/** What the flags say is written down, where they say; undefined: nothing is. */
export function openAuditLog(
  flags: AuditFlags | undefined,
  { clock, log, print }: AuditLogPorts,
): (Pick<AuditOptions, "policy" | "sink"> & Disposable) | undefined {
  if (flags === undefined) return undefined;
  const { policy, path, megabytesMax, backupsMax, daysMax } = flags;
  if (path === "-") return { policy, sink: { write: print }, [Symbol.dispose]: () => undefined };
  const sizeMax = megabytesMax * 1024 * 1024;
  const sink = new AuditFile({ path, sizeMax, backupsMax, daysMax, clock, log });
  return { policy, sink, [Symbol.dispose]: () => sink[Symbol.dispose]() };
}
