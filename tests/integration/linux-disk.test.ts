import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LinuxDisk } from "../../packages/engine/src/host/linux/linux-disk.ts";
import { diskConformance } from "../../packages/harness/src/disk/disk.conformance.ts";

diskConformance("LinuxDisk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-disk-"));
  return Object.assign(new LinuxDisk(folder), {
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  });
});
