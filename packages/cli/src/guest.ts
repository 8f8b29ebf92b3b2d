import { join } from "node:path";
import type { Io } from "./io.ts";
import { checkout, nodeBinary } from "./layout.ts";
import { runInherited } from "./processes.ts";

/**
 * Builds the guest's kernel, init and initramfs if they are not there yet; returns the folder they are in.
 */
export async function prepareGuest(io: Io, signal: AbortSignal): Promise<string> {
  const folder = join(checkout, ".cache", "guest");
  const code = await runInherited(nodeBinary, [join(checkout, "packages", "guest", "build.ts"), folder], {
    signal,
  });
  if (code !== 0)
    throw new Error("the guest could not be built; see above. Nodes cannot run apps without it");
  io.err("The guest kernel and init are ready.");
  return folder;
}
