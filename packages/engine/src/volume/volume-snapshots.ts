/**
 * States of a volume that it can be brought back to. A sealed image has them inside, by QEMU's own snapshots:
 * taking one copies nothing. A raw one cannot; each is a file beside it. What an act is about is written down
 * before, so that after a crash the image is mended and the act done once more.
 */
import type { Disk } from "../host/disk.ts";
import type { SnapshotStep } from "./snapshot-plan.ts";
import { BadVolumeError, type SnapshotAct, type VolumeDriver } from "./volume-driver.ts";
import { VolumeFiles } from "./volume-files.ts";
import { putVolume } from "./volume-maker.ts";
import type { StoredVolume } from "./volume-plan.ts";

export interface SnapshotParts {
  readonly disk: Disk;
  readonly driver: VolumeDriver;
  readonly keep: (stored: StoredVolume) => Promise<StoredVolume>;
}

/** Does it, and returns the volume as it is recorded then. */
export async function actOnSnapshot(
  parts: SnapshotParts,
  stored: StoredVolume,
  { act, name, token }: SnapshotStep,
  secret: string | undefined,
  signal: AbortSignal,
): Promise<StoredVolume> {
  const { driver, keep } = parts;
  const { snapshots = [], unsettled: _, ...rest } = stored;
  if (act === "restore" && !snapshots.includes(name))
    throw new BadVolumeError(`the volume has no snapshot ${name}`);
  const image = { path: VolumeFiles.image(stored), bytes: stored.maxBytes, secret };
  if (secret === undefined) await actOnRaw(parts, stored, act, name, signal);
  else {
    if (stored.unsettled === true) await driver.mend(image);
    else await keep({ ...stored, unsettled: true });
    await driver.snapshot(image, act, name);
  }
  const others = snapshots.filter((it) => it !== name);
  const now = act === "drop" ? others : [...others, name];
  return await keep({ ...rest, snapshots: now, ...(token === undefined ? {} : { restored: token }) });
}

async function actOnRaw(
  { disk, driver }: SnapshotParts,
  stored: StoredVolume,
  act: SnapshotAct,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { key, maxBytes: bytes } = stored;
  const copy = VolumeFiles.copy(key, name);
  if (act === "drop") return await disk.remove(copy);
  const [from, to] = act === "take" ? [VolumeFiles.image(stored), copy] : [copy, undefined];
  await putVolume(
    { disk, driver },
    { key, bytes, secret: undefined, ...(to === undefined ? {} : { place: to }) },
    async (image) => await driver.convert(from, "raw", image, signal),
  );
}
