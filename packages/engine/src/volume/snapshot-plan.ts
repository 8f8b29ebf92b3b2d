/** What is to be done about a volume's snapshots, from what apps want of them. Pure. */
import type { VolumeKey } from "../desired.ts";
import type { AppStatus } from "../observed.ts";
import type { SnapshotAct } from "./volume-driver.ts";

/** What apps want of one volume's states. */
export interface SnapshotUses {
  /** A machine has the volume. */
  readonly open: boolean;
  readonly keep: ReadonlySet<string>;
  readonly take: readonly string[];
  readonly back: { readonly id: string; readonly token: string } | undefined;
}

export function snapshotUsesOf(
  key: VolumeKey,
  apps: readonly Pick<AppStatus, "open" | "snapshots" | "rollback">[],
): SnapshotUses {
  const all = apps
    .flatMap(({ snapshots = [] }) => snapshots)
    .filter(({ state, written }) => state !== "failed" && written.includes(key));
  const back = apps.find(({ rollback }) => rollback?.written.includes(key))?.rollback;
  return {
    open: apps.some(({ open }) => open?.includes(key) === true),
    keep: new Set(all.map(({ id }) => id)),
    take: all.flatMap(({ id, state }) => (state === "due" ? [id] : [])),
    back: back && { id: back.id, token: back.token },
  };
}

export interface SnapshotStep {
  readonly act: SnapshotAct;
  readonly name: string;
  /** Of a way back. */
  readonly token?: string;
}

/** What is to be done first, if anything: room is made before it is taken. */
export function planSnapshot(
  { snapshots = [], restored }: { readonly snapshots?: readonly string[]; readonly restored?: string },
  { open, keep, take, back }: SnapshotUses,
  failed: ReadonlySet<string>,
): SnapshotStep | undefined {
  if (open) return undefined;
  const old = snapshots.find((name) => !keep.has(name) && name !== back?.id && !failed.has(name));
  if (old !== undefined) return { act: "drop", name: old };
  const due = take.find((name) => !snapshots.includes(name) && !failed.has(name));
  if (due !== undefined) return { act: "take", name: due };
  if (back === undefined || back.token === restored) return undefined;
  return { act: "restore", name: back.id, token: back.token };
}
