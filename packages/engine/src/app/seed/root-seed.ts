import { type AppSpec, volumeName } from "../../desired.ts";
import type { SecretOpener } from "../../ports.ts";
import type { Guest } from "../hypervisor.ts";
import { openUserData, readUserData } from "./user-data.ts";

/** Where what a container writes to its root is, on the volume that keeps it. */
const rootFiles = `${volumeName(0)}/up`;

/**
 * Writes the files of an app's user data into its root's volume, once for each version of them. Returns
 * which version is there now.
 */
export async function writeSeed(
  guest: Guest,
  spec: AppSpec,
  before: string | undefined,
  secrets: SecretOpener,
): Promise<string | undefined> {
  const root = spec.foreign?.volumes[0];
  if (root === undefined) return before;
  const seeded = `${root.key}/${spec.foreign?.cloudInitVersion || spec.version}`;
  if (before === seeded) return before;
  const { files } = await readUserData(await openUserData(spec, secrets));
  for (const { path, mode, content } of files) guest.writeFile(`${rootFiles}/${path}`, mode, content);
  return seeded;
}
