import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { GuestError, type VmSeed } from "../hypervisor.ts";

/** Writes the files as a CD. They may be secrets: what is made besides is removed, and only we can read it. */
export async function makeSeedCd(seed: VmSeed, target: string): Promise<void> {
  const folder = await mkdtemp(join(dirname(target), "seed-"));
  try {
    for (const { path, content } of seed.files) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, content, { mode: 0o600 });
    }
    await writeFile(target, "", { mode: 0o600 });
    const options = ["-quiet", "-output", target, "-volid", seed.label, "-joliet", "-rational-rock"];
    await promisify(execFile)("genisoimage", [...options, folder]);
  } catch (cause) {
    throw new GuestError("the CD with the user data cannot be made", { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
