import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

/** Whether any process of the box has a file open. `root` is elsewhere in tests only. */
export async function isOpen(node: string, root: string): Promise<boolean> {
  const processes = join(root, "proc");
  for (const pid of await readdir(processes)) {
    if (!/^\d+$/.test(pid)) continue;
    const files = join(processes, pid, "fd");
    // It may end while it is looked at.
    for (const fd of await readdir(files).catch(() => []))
      if ((await readlink(join(files, fd)).catch(() => "")) === node) return true;
  }
  return false;
}
