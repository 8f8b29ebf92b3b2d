/** File systems that firmware and laptops read, made and filled without mounting them. */
import { open, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { uuidOf } from "../plan/disk-plan.ts";
import { type Call, run } from "./programs.ts";

export interface FatFile {
  readonly path: string;
  /** Where its bytes are. */
  readonly source: string;
}

/** Over these many MiB it is of 32 bits, which firmware wants; a smaller one has not enough clusters for that. */
const wideMib = 33;

export async function makeFat(
  image: string,
  label: string,
  mib: number,
  files: readonly FatFile[],
  call: Call,
): Promise<void> {
  await (await open(image, "w", 0o600)).close();
  await truncate(image, mib * 2 ** 20);
  const bits = mib > wideMib ? "32" : "12";
  // Without --invariant its number and its time would be those of this build.
  const number = uuidOf(label).slice(0, 8);
  const name = label.replace("selvedge-", "").toUpperCase();
  await run("mkfs.vfat", ["--invariant", "-F", bits, "-i", number, "-n", name, image], call);
  for (const folder of foldersOf(files.map(({ path }) => path)))
    await run("mmd", ["-i", image, `::/${folder}`], call);
  for (const { path, source } of files) await run("mcopy", ["-i", image, source, `::/${path}`], call);
}

/** Each before what is in it. */
function foldersOf(paths: readonly string[]): readonly string[] {
  const folders = new Set<string>();
  for (const path of paths)
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  return [...folders].sort();
}
