/** Addresses of hardware. Pure. */
import { createHash } from "node:crypto";
import { plainAddress } from "./address.ts";

/** Locally administered, and the same for the same name on every start. */
export function stableMac(name: string): string {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 5);
  return ["02", ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

/** The address within its link that a card makes of that of its hardware (RFC 4291, appendix A). */
export function linkLocal(mac: string): string {
  const [first = 0, ...rest] = mac.split(":").map((byte) => Number.parseInt(byte, 16));
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return plainAddress(`fe80::${hex.match(/.{4}/g)?.join(":")}`);
}
