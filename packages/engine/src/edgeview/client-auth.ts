/** Commands signed by SSH keys that the configuration lists. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";

/** EVE reads no more. */
const keysMax = 3;
const commentMax = 64;

/** The comment of the key that has signed it, which is who its owner is; undefined: none of them has. */
export async function sshClientOf(
  list: string,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<string | undefined> {
  if (signature.length === 0) return undefined;
  const lines = list.split(/[\n,]/).map((line) => line.trim());
  for (const line of lines.filter((it) => it !== "").slice(0, keysMax)) {
    const read = await readKey(line);
    if (read !== undefined && isSigned(read.key, message, signature)) return read.comment;
  }
  return undefined;
}

async function readKey(
  line: string,
): Promise<{ readonly key: KeyObject; readonly comment: string } | undefined> {
  // Loaded when a token asks for it: most nodes never need it.
  const { utils } = (await import("ssh2")).default;
  const parsed = utils.parseKey(line);
  if (parsed instanceof Error || Array.isArray(parsed)) return undefined;
  const comment = (parsed.comment ?? "").slice(0, commentMax);
  return { key: createPublicKey(parsed.getPublicPEM()), comment };
}

function isSigned(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return verify("sha256", message, key, signature);
    case "ec":
      return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
    default:
      return false;
  }
}
