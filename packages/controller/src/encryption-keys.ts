import { readFileSync } from "node:fs";
import type { EncryptionKey } from "@selvedge/apiserver";
import { FlagError } from "./address.ts";

const flag = "--encryption-keys";
const keyLength = 32;
/** One that is used now, and what was used before it: more is a file that nobody has tidied. */
const keysMax = 100;

/** The keys of a file, newest first: a line each with a name and 32 bytes in base64. */
export function readEncryptionKeys(path: string): EncryptionKey[] {
  try {
    return parseEncryptionKeys(readFileSync(path, "utf8"), path);
  } catch (cause) {
    if (cause instanceof FlagError) throw cause;
    throw new FlagError(`${flag}: ${path} cannot be read`, { cause });
  }
}

export function parseEncryptionKeys(text: string, path: string): EncryptionKey[] {
  const keys: EncryptionKey[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const match = /^\s*([A-Za-z0-9._-]{1,64})\s+([A-Za-z0-9+/]{43}=)\s*$/.exec(line);
    const [, id = "", secret = ""] = match ?? [];
    const bytes = Buffer.from(secret, "base64");
    // The line itself is not repeated: it may be most of a key.
    const where = `${flag}: line ${index + 1} of ${path}`;
    if (match === null || bytes.length !== keyLength) {
      throw new FlagError(
        `${where} is not NAME BASE64 with 32 bytes; make one with: openssl rand -base64 32`,
      );
    }
    if (keys.some((key) => key.id === id)) throw new FlagError(`${where} names ${id} again`);
    keys.push({ id, secret: bytes });
  }
  if (keys.length === 0 || keys.length > keysMax) {
    throw new FlagError(`${flag}: ${path} has ${keys.length} keys; 1 to ${keysMax} are needed`);
  }
  return keys;
}
