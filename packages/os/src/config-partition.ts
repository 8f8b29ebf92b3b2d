/** What the fitter gives a box, on a disk of its own: the folder that engines enrol from, in EVE's form. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { readTable, writePartition } from "./build/disk-file.ts";
import { type FatFile, makeFat } from "./build/fat.ts";
import type { Call } from "./build/programs.ts";
import { configLabel, configMib, partitionOf } from "./plan/disk-plan.ts";

/** The folder is none that a box could enrol from; the message says what it lacks. */
export class ConfigFolderError extends Error {
  override name = "ConfigFolderError";
}

const needed: readonly string[] = ["server"];
/** By one of them the box knows its controller. */
const roots: readonly string[] = ["root-certificate.pem", "v2tlsbaseroot-certificates.pem"];
/** As EVE's has them; what else lies beside them stays there. */
const known: readonly string[] = [
  ...[...needed, ...roots],
  ...["onboard.cert.pem", "onboard.key.pem", "soft_serial", "bootstrap-config.pb"],
];
/** A chain of certificates is some kilobytes. */
const fileMax = 2 ** 20;

/** Which files of the folder go to the box. */
export async function configFiles(folder: string): Promise<readonly FatFile[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new ConfigFolderError(`${folder}: cannot be read`, { cause });
  });
  const missing = needed.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw new ConfigFolderError(`${folder}: ${missing} is missing; write the controller's host:port into it`);
  if (!roots.some((name) => names.includes(name)))
    throw new ConfigFolderError(
      `${folder}: ${roots[0]} is missing; it is by it that the box knows its controller`,
    );
  if (names.includes("onboard.cert.pem") !== names.includes("onboard.key.pem"))
    throw new ConfigFolderError(
      `${folder}: onboard.cert.pem and onboard.key.pem go together; one is missing`,
    );
  const files = known.filter((name) => names.includes(name));
  for (const name of files) {
    const { size } = await stat(join(folder, name));
    if (size > fileMax) throw new ConfigFolderError(`${folder}/${name}: ${size} bytes; at most ${fileMax}`);
  }
  return files.map((name) => ({ path: name, source: join(folder, name) }));
}

/** Puts the folder in the place of whatever configuration the image has. */
export async function writeConfig(image: string, folder: string, work: string, call: Call): Promise<void> {
  const files = await configFiles(folder);
  const partition = partitionOf({ partitions: await readTable(image, call) }, configLabel);
  const fat = join(work, "config.fat");
  await makeFat(fat, configLabel, configMib, files, call);
  await writePartition(image, partition, fat, call);
}
