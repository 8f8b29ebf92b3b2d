/** Commands signed by SSH keys that the configuration lists. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";

/** EVE reads no more. */
const keysMax = 3;

export async function isSshClient(
  list: string,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length === 0) return false;
  const lines = list.split(/[\n,]/).map((line) => line.trim());
  for (const line of lines.filter((it) => it !== "").slice(0, keysMax)) {
    const key = await readKey(line);
    if (key !== undefined && isSigned(key, message, signature)) return true;
  }
  return false;
}

async function readKey(line: string): Promise<KeyObject | undefined> {
  // Loaded when a token asks for it: most nodes never need it.
  const { utils } = (await import("ssh2")).default;
  const parsed = utils.parseKey(line);
  return parsed instanceof Error || Array.isArray(parsed)
    ? undefined
    : createPublicKey(parsed.getPublicPEM());
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
