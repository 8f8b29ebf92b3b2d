import { createHash } from "node:crypto";

/**
 * The UUID of something Kubernetes has no name for: made from what it is, so that every replica, and every
 * pass, gives the same one. Version 8 (RFC 9562: made by the application).
 */
export function stableId(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
