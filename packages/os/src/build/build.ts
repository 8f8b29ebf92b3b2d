/**
 * From a profile to a disk image.
 *
 *   profile ── plan ──► tree (mmdebstrap, our files) ──► squashfs ──► slot a ─┐
 *                          └► kernel, initramfs, boot loader ──► FAT ──► esp ─┼─► image
 *                                        what the fitter gives ──► FAT ──► config ─┘
 */
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { configFiles } from "../config-partition.ts";
import {
  type BootFile,
  bootEntry,
  initramfsPath,
  kernelOptions,
  kernelPath,
  loaderFile,
  loaderPrograms,
} from "../plan/boot-plan.ts";
import {
  configLabel,
  configMib,
  type DiskPlan,
  espLabel,
  partitionOf,
  planDisk,
  slotLabel,
} from "../plan/disk-plan.ts";
import type { Profile } from "../profile.ts";
import { makeDisk, writePartition } from "./disk-file.ts";
import { type FatFile, makeFat } from "./fat.ts";
import { type Call, ProgramError, run } from "./programs.ts";
import { type Progress, step } from "./progress.ts";
import { type BootParts, fillDebian, layOver, type TreeParts, takeBootParts } from "./root-tree.ts";

export interface BuildOptions extends Omit<TreeParts, "guest"> {
  /** Makes the guest of apps' machines and says where it is. */
  readonly prepareGuest: () => Promise<string>;
  /** What the fitter gives every box that gets this image; undefined: it is written to the image later. */
  readonly config: string | undefined;
  readonly out: string;
  /** Of all files in it, in seconds of Unix. */
  readonly epoch: number;
}

export interface Built {
  readonly bytes: number;
  /** Of the system's root, packed. */
  readonly rootBytes: number;
}

export async function buildImage(options: BuildOptions, progress: Progress): Promise<Built> {
  const { profile, out, config } = options;
  const { signal } = progress;
  // Before anything that takes long.
  const given = config === undefined ? [] : await configFiles(config);
  const plan = planDisk(profile);
  await mkdir(dirname(out), { recursive: true });
  const work = await mkdtemp(join(dirname(out), `.${basename(out)}-`));
  try {
    const guest = profile.apps ? await options.prepareGuest() : undefined;
    const root = join(work, "root");
    await step(progress, `Fetching and unpacking Debian ${profile.suite}`, (said) =>
      fillDebian(root, join(work, "early"), profile, { signal, onLine: said }),
    );
    const boot = await step(progress, "Adding the engine", async () => {
      const parts = await takeBootParts(root, join(work, "boot"));
      await layOver(root, { ...options, guest }, { signal });
      return parts;
    });
    const squashfs = join(work, "root.squashfs");
    await step(progress, "Packing the system", (said) =>
      packRoot(root, squashfs, options, { signal, onLine: said }),
    );
    const draft = join(work, "disk");
    await step(progress, "Writing the image", () =>
      writeImage(draft, plan, { boot, squashfs, given, work }, options, { signal }),
    );
    const rootBytes = (await stat(squashfs)).size;
    await rename(draft, out);
    return { bytes: plan.bytes, rootBytes };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of zstd: beyond it an image gets little smaller. */
const levels: Readonly<Record<Profile["compression"], string>> = { small: "12", fast: "3" };

async function packRoot(
  root: string,
  target: string,
  { profile, epoch }: BuildOptions,
  call: Call,
): Promise<void> {
  const time = ["-mkfs-time", `${epoch}`, "-all-time", `${epoch}`];
  const packing = ["-comp", "zstd", "-Xcompression-level", levels[profile.compression], "-b", "256K"];
  // It refuses to be told the time in two ways.
  await run(
    "env",
    ["-u", "SOURCE_DATE_EPOCH", "mksquashfs", root, target, "-noappend", "-no-progress", ...packing, ...time],
    call,
  );
}

interface ImageParts {
  readonly boot: BootParts;
  readonly squashfs: string;
  readonly given: readonly FatFile[];
  readonly work: string;
}

async function writeImage(
  disk: string,
  plan: DiskPlan,
  parts: ImageParts,
  { profile, version }: BuildOptions,
  call: Call,
): Promise<void> {
  const { boot, squashfs, given, work } = parts;
  await makeDisk(disk, plan, call);
  const entry = bootEntry({ slot: "a", version, options: kernelOptions("a", profile) }, undefined);
  const esp = join(work, "esp.fat");
  const files: FatFile[] = [
    ...loaderPrograms.map((path) => ({ path, source: boot.loader })),
    { path: kernelPath("a"), source: boot.kernel },
    { path: initramfsPath("a"), source: boot.initramfs },
    ...(await Promise.all([loaderFile, entry].map((file) => asSource(file, work)))),
  ];
  await refuseTooLarge(files, profile.bootMib);
  await makeFat(esp, espLabel, profile.bootMib, files, call);
  const config = join(work, "config.fat");
  await makeFat(config, configLabel, configMib, given, call);
  for (const [label, source] of [
    [espLabel, esp],
    [configLabel, config],
    [slotLabel("a"), squashfs],
  ] as const)
    await writePartition(disk, partitionOf(plan, label), source, call);
}

async function asSource({ path, text }: BootFile, work: string): Promise<FatFile> {
  const source = join(work, basename(path));
  await writeFile(source, text);
  return { path, source };
}

/** The other slot's kernel and initramfs need as much again. */
async function refuseTooLarge(files: readonly FatFile[], mib: number): Promise<void> {
  const sizes = await Promise.all(files.map(async ({ source }) => (await stat(source)).size));
  const needed = Math.ceil((2 * sizes.reduce((sum, size) => sum + size, 0)) / 2 ** 20);
  if (needed > mib)
    throw new ProgramError(`bootMib: ${mib} MiB are too few for two kernels; write ${needed + 4} or more`);
}
