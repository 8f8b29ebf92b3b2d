import { randomBytes } from "node:crypto";
import { closeSync, fchownSync, openSync, statfsSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

/** File systems in memory where a file may lie for a moment. */
const places = ["/dev/shm", "/run"];
/** Linux's number of tmpfs. */
const memoryFilesystem = 0x01021994;

/**
 * A secret for a program that takes it from a file: opened to be read, owned by the user that is to open it
 * again as /proc/self/fd/N, and in no folder. It is in memory only, and gone when nobody has it open.
 */
export function openSecret(secret: string, uid: number | undefined): number {
  const place = places.find(isInMemory);
  if (place === undefined)
    throw new Error(`a key must not lie on a disk: mount a tmpfs at one of ${places.join(", ")}`);
  const path = join(place, `selvedge-${randomBytes(8).toString("hex")}`);
  const file = openSync(path, "wx", 0o400);
  try {
    writeSync(file, secret);
    if (uid !== undefined) fchownSync(file, uid, uid);
    return openSync(path, "r");
  } finally {
    unlinkSync(path);
    closeSync(file);
  }
}

function isInMemory(path: string): boolean {
  try {
    return statfsSync(path).type === memoryFilesystem;
  } catch {
    return false;
  }
}
