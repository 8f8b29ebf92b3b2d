import { between, type Instant, type Millis, minutes } from "@selvedge/base";
import type { AppId, DesiredState, VolumeForm, VolumeKey, VolumeSpec } from "../desired.ts";
import { neededVolumes, volumeKey } from "../desired.ts";
import type { AppStatus, ContentStatus, VolumeStatus } from "../observed.ts";
import type { VaultState } from "../ports.ts";
import type { Unread } from "../unread.ts";
import { planSnapshot, type SnapshotStep, type SnapshotUses } from "./snapshot-plan.ts";

/** A record beside each volume; written last, so that it vouches for the file. */
export interface StoredVolume {
  readonly key: VolumeKey;
  readonly form: VolumeForm;
  readonly filesystem: boolean;
  readonly maxBytes: number;
  readonly createdAt: Instant;
  /** Only the vault's key opens it. Absent: an earlier engine made it, as a raw image. */
  readonly sealed?: boolean;
  /** States it can be brought back to, by name. */
  readonly snapshots?: readonly string[];
  /** Of the last way back that it has behind it. */
  readonly restored?: string;
  /** Something was begun inside the image and is not known to have ended. */
  readonly unsettled?: boolean;
}

export type Failure = Extract<VolumeStatus, { phase: "failed" }>;

export interface VolumeInputs {
  readonly wanted: VolumeSpec | undefined;
  readonly stored: StoredVolume | undefined;
  readonly content: ContentStatus | undefined;
  readonly uses: VolumeUses;
  readonly failure: Failure | undefined;
  readonly vault: VaultState;
  /** It was there before this engine, and no machine has been started with it since. */
  readonly untouched: boolean;
  /** Found at the start and not wanted since, or of an entry that cannot be read: how long it is left alone. */
  readonly spared: Millis;
  readonly snapshots: SnapshotUses;
  /** Snapshots that could not be taken, or not removed. */
  readonly failedSnapshots: ReadonlySet<string>;
  readonly now: Instant;
}

export interface VolumeUses {
  readonly apps: ReadonlySet<AppId>;
  /** Some app's container wants it mounted, so it needs a file system. */
  readonly mounted: boolean;
}

export type VolumeStep =
  | { readonly do: "ready"; readonly stored: StoredVolume }
  /** Content first, or the key of the vault. */
  | { readonly do: "wait" }
  | { readonly do: "create" }
  | { readonly do: "format"; readonly stored: StoredVolume }
  /** What is on it is copied into a sealed one, which takes its place. */
  | { readonly do: "seal"; readonly stored: StoredVolume }
  | { readonly do: "snapshot"; readonly stored: StoredVolume; readonly step: SnapshotStep }
  /** Some app may go back to it, and it is not there. */
  | { readonly do: "miss" }
  /** Its entry does not say what it is to be. */
  | { readonly do: "refuse"; readonly unread: Unread }
  | { readonly do: "remove" }
  /** Nobody wants it, and it may be that the right configuration has not come yet. */
  | { readonly do: "spare"; readonly wait: Millis }
  | { readonly do: "backOff"; readonly failure: Failure; readonly wait: Millis };

export const retryLongest: Millis = minutes(30);

/** Decides the next step of one generation of a volume. Pure. */
export function planVolume(inputs: VolumeInputs): VolumeStep {
  const { wanted, stored, uses, failure, vault, now } = inputs;
  // As long as an app runs on it, it stays, whatever the configuration says now.
  if (wanted === undefined && uses.apps.size === 0)
    return stored !== undefined && inputs.spared > 0
      ? { do: "spare", wait: inputs.spared }
      : { do: "remove" };
  // No app starts meanwhile, so there is time to seal what is not.
  if (vault === "none" || vault === "locked") return { do: "wait" };
  if (stored !== undefined) {
    if (stored.sealed === true && vault === "off") return { do: "wait" };
    if (stored.sealed !== true && vault === "open" && inputs.untouched)
      return waiting(failure, now) === undefined ? { do: "seal", stored } : { do: "ready", stored };
    const bare = uses.mounted && !stored.filesystem && stored.form === "blank";
    if (bare) return waiting(failure, now) ?? { do: "format", stored };
    const step = planSnapshot(stored, inputs.snapshots, inputs.failedSnapshots);
    if (step === undefined) return { do: "ready", stored };
    return waiting(failure, now) ?? { do: "snapshot", stored, step };
  }
  // Nothing to make it from, and nothing that was there.
  if (wanted === undefined) return { do: "miss" };
  if (wanted.unread?.goesOn === false) return { do: "refuse", unread: wanted.unread };
  if (wanted.contentId !== undefined && inputs.content?.phase !== "ready") return { do: "wait" };
  return waiting(failure, now) ?? { do: "create" };
}

function waiting(failure: Failure | undefined, now: Instant): VolumeStep | undefined {
  const wait = failure === undefined ? 0 : between(now, failure.retryAt);
  // A longer wait than any means that the calendar was set back meanwhile.
  if (failure === undefined || wait <= 0 || wait > retryLongest) return undefined;
  return { do: "backOff", failure, wait: wait as Millis };
}

/** Which apps have the volume or are about to, and how. */
export function usesOf(
  key: VolumeKey,
  desired: DesiredState,
  statuses: readonly Pick<AppStatus, "id" | "volumes">[],
): VolumeUses {
  const apps = new Set(statuses.flatMap(({ id, volumes }) => (volumes.includes(key) ? [id] : [])));
  let mounted = false;
  for (const app of desired.apps)
    for (const use of neededVolumes(app)) {
      if (use.key !== key) continue;
      apps.add(app.id);
      mounted ||= use.mountDir !== "" && app.foreign?.vm === undefined;
    }
  return { apps, mounted };
}

/** Every volume that there is something to do about. */
export function keysOf(desired: DesiredState | undefined, stored: Iterable<VolumeKey>): Set<VolumeKey> {
  return new Set([...(desired?.volumes ?? []).map(volumeKey), ...stored]);
}

/**
 * What is missing for another volume of so many bytes when all volumes grow to what they may hold; 0 or
 * less: it fits.
 */
export function shortBytes(
  needBytes: number,
  freeBytes: number,
  others: readonly { readonly maxBytes: number; readonly usedBytes: number }[],
): number {
  const promised = others.reduce((sum, it) => sum + Math.max(0, it.maxBytes - it.usedBytes), 0);
  return needBytes + promised + reserveBytes - freeBytes;
}

/** Kept free for the engine's own records, whatever volumes want. */
const reserveBytes: number = 64 * 2 ** 20;
