/** Two forms that nodes send bytes in, whoever plays them. */
import { createHash } from "node:crypto";

/** Certificates go as the base64 of their PEM. */
export function base64Text(text: string): Uint8Array {
  return new TextEncoder().encode(new TextEncoder().encode(text).toBase64());
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
