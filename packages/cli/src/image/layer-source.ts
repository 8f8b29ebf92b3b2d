/**
 * Where the files of a layer come from: a folder of the user's, this machine's busybox, or text of our own.
 */
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { UsageError } from "../io.ts";
import { must } from "../processes.ts";

/** One entry of a layer; the path has no leading slash. */
export type LayerEntry =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly size: number;
      readonly open: () => Readable | Uint8Array;
    };

/** Everything below a folder, in an order that does not depend on the disk. */
export async function* folderEntries(root: string, below = ""): AsyncGenerator<LayerEntry> {
  const names = (await readdir(join(root, below))).sort();
  for (const name of names) {
    const path = below === "" ? name : `${below}/${name}`;
    const full = join(root, path);
    const info = await lstat(full);
    const mode = info.mode & 0o7777;
    if (info.isDirectory()) {
      yield { kind: "folder", path, mode };
      yield* folderEntries(root, path);
    } else if (info.isSymbolicLink()) {
      yield { kind: "symlink", path, target: await readlink(full) };
    } else if (info.isFile()) {
      yield { kind: "file", path, mode, size: info.size, open: () => createReadStream(full) };
    } else {
      throw new UsageError(`${full} is a device, pipe or socket; an image holds files, folders and links`);
    }
  }
}

export function textFile(path: string, mode: number, text: string): LayerEntry {
  const bytes = new TextEncoder().encode(text);
  return { kind: "file", path, mode, size: bytes.length, open: () => bytes };
}

/** Where Debian's busybox-static puts its one program. */
const busyboxPath = "/bin/busybox";

/**
 * A small system of its own: busybox under every name it answers to, and the files that C programs expect.
 */
export async function* busyboxEntries(): AsyncGenerator<LayerEntry> {
  const { size } = await checkedBusybox();
  for (const path of [
    "bin",
    "etc",
    "home",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "usr",
    "usr/bin",
    "usr/sbin",
  ]) {
    yield { kind: "folder", path, mode: path === "root" ? 0o700 : 0o755 };
  }
  yield { kind: "folder", path: "tmp", mode: 0o1777 };
  yield { kind: "folder", path: "var", mode: 0o755 };
  yield { kind: "folder", path: "var/tmp", mode: 0o1777 };
  yield textFile(
    "etc/passwd",
    0o644,
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/sh\n",
  );
  yield textFile("etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
  yield textFile("etc/nsswitch.conf", 0o644, "hosts: files dns\n");
  yield { kind: "file", path: "bin/busybox", mode: 0o755, size, open: () => createReadStream(busyboxPath) };
  const applets = (await must(busyboxPath, ["--list-full"])).split("\n").filter(Boolean).sort();
  for (const path of applets) {
    if (path !== "bin/busybox" && isApplet(path)) yield { kind: "symlink", path, target: "/bin/busybox" };
  }
}

/** `linuxrc` stands in the root and is for initial RAM disks only. */
function isApplet(path: string): boolean {
  return /^(?:usr\/)?s?bin\/[^/]+$/.test(path);
}

async function checkedBusybox(): Promise<{ readonly size: number }> {
  const info = await stat(busyboxPath).catch((error: unknown) => {
    throw new UsageError(`${busyboxPath} is missing; install it with: apt-get install busybox-static`, {
      cause: error,
    });
  });
  // Debian's other busybox package is linked dynamically and would not start in an image of its own.
  const kind = await must("ldd", [busyboxPath]).catch((error: unknown) => String(error));
  if (!/not a dynamic executable|statically linked/.test(kind)) {
    throw new UsageError(`${busyboxPath} is not static; install it with: apt-get install busybox-static`);
  }
  return info;
}
