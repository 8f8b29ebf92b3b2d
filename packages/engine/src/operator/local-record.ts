/** What somebody beside the node asked for, kept through reboots: profile, commands carried out, radio. */
import type { BootOrder } from "../desired.ts";
import type { LocalCounters } from "./effective.ts";
import type { LocalPort } from "./local-ports.ts";

export interface LocalApp extends LocalCounters {
  /** Of the last command; each is carried out once. */
  readonly commandAt: bigint;
}

export interface LocalRecord {
  /** Undefined: nobody beside the node says, so the configuration does. */
  readonly profile: string | undefined;
  readonly apps: ReadonlyMap<string, LocalApp>;
  /** Of the last command to the node itself. */
  readonly commandAt: bigint;
  readonly radioSilence: boolean;
  /** Of the last configuration that an operator console brought. */
  readonly consoleAt: bigint;
  /** How ports of the node are to speak. */
  readonly ports: readonly LocalPort[];
  /** Of virtual machines, by app. */
  readonly bootOrders: ReadonlyMap<string, BootOrder["usb"]>;
}

export const nothingLocal: LocalRecord = {
  ...{ profile: undefined, apps: new Map(), commandAt: 0n, radioSilence: false, consoleAt: 0n },
  ...{ ports: [], bootOrders: new Map() },
};

export function encodeLocal(record: LocalRecord): Uint8Array {
  const { profile, commandAt, radioSilence, consoleAt, ports } = record;
  const apps = [...record.apps].map(([id, { restarts, purges, commandAt: at }]) => ({
    ...{ id, restarts, purges, commandAt: String(at) },
  }));
  const times = { commandAt: String(commandAt), consoleAt: String(consoleAt) };
  const value = { profile, apps, ...times, radioSilence, ports, bootOrders: [...record.bootOrders] };
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Undefined when it is not one. */
export function decodeLocal(bytes: Uint8Array): LocalRecord | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const apps = value["apps"] as { id: string; restarts: number; purges: number; commandAt: string }[];
    const { profile, commandAt, radioSilence, consoleAt, ports, bootOrders } = value;
    return {
      profile: typeof profile === "string" ? profile : undefined,
      apps: new Map(
        apps.map(({ id, restarts, purges, commandAt: at }) => [
          id,
          { restarts, purges, commandAt: BigInt(at) },
        ]),
      ),
      commandAt: BigInt(String(commandAt)),
      radioSilence: radioSilence === true,
      consoleAt: BigInt(String(consoleAt)),
      // An engine before this one knew neither.
      ports: (ports ?? []) as LocalPort[],
      bootOrders: new Map((bootOrders ?? []) as [string, BootOrder["usb"]][]),
    };
  } catch {
    return undefined;
  }
}

export type AppCommand = "restart" | "purge";

/** The record once an app's command is carried out; the same when it was before. Pure. */
export function withAppCommand(
  record: LocalRecord,
  id: string,
  command: AppCommand,
  at: bigint,
): LocalRecord {
  const before = record.apps.get(id) ?? { restarts: 0, purges: 0, commandAt: 0n };
  if (before.commandAt === at) return record;
  const { restarts, purges } = before;
  const next: LocalApp =
    command === "restart"
      ? { restarts: restarts + 1, purges, commandAt: at }
      : { restarts, purges: purges + 1, commandAt: at };
  return { ...record, apps: new Map([...record.apps, [id, next]]) };
}
