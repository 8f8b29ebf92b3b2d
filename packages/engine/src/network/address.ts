/** Addresses of both families as numbers, which is what ranges are counted in. Pure. */
import { isIP } from "node:net";

/** As nftables and ip have it. */
export type Family = "ip" | "ip6";

/** What sets of nftables with a family's addresses are of. */
export const addressType = { ip: "ipv4_addr", ip6: "ipv6_addr" } as const;

export interface Prefix {
  readonly family: Family;
  /** As it is written everywhere: the first address, and how long what all have in common is. */
  readonly text: string;
  readonly bits: number;
  /** First and last address; neither is a host's. */
  readonly first: bigint;
  readonly last: bigint;
}

export function familyOf(address: string): Family {
  return address.includes(":") ? "ip6" : "ip";
}

/** How long a prefix may be: room for a gateway and an app, and of IPv6 what its resolver can tell of. */
const lengths = { ip: { from: 8, to: 30 }, ip6: { from: 64, to: 124 } } as const;
const shapes = { ip: "a.b.c.d/8 to /30", ip6: "an IPv6 prefix of /64 to /124" } as const;
const widths = { ip: 32n, ip6: 128n } as const;

export function parsePrefix(cidr: string): Prefix {
  const [address = "", length = "", more] = cidr.split("/");
  const family = familyOf(address);
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : -1;
  const { from, to } = lengths[family];
  if (isIP(address) === 0 || more !== undefined || bits < from || bits > to)
    throw new InvalidAddressError(`subnet ${JSON.stringify(cidr)} is not ${shapes[family]}`);
  const size = 1n << (widths[family] - BigInt(bits));
  const first = (parseAddress(address) / size) * size;
  return { family, bits, first, last: first + size - 1n, text: `${formatAddress(first, family)}/${bits}` };
}

export function parseAddress(text: string): bigint {
  switch (isIP(text)) {
    case 4:
      return text.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    case 6:
      return groupsOf(text).reduce((sum, group) => sum * 0x10000n + BigInt(`0x${group}`), 0n);
    default:
      throw new InvalidAddressError(`${JSON.stringify(text)} is not an address`);
  }
}

/** `network` of any length; one without is a host. */
export function isWithin(address: string, network: string): boolean {
  const [base = "", length] = network.split("/");
  const family = familyOf(base);
  if (familyOf(address) !== family) return false;
  const rest = length === undefined ? 0n : widths[family] - BigInt(length);
  return parseAddress(address) >> rest === parseAddress(base) >> rest;
}

/** The network of that length that an address is in. */
export function networkOf(address: string, bits: number): string {
  const family = familyOf(address);
  const rest = widths[family] - BigInt(bits);
  return `${formatAddress((parseAddress(address) >> rest) << rest, family)}/${bits}`;
}

export function formatAddress(value: bigint, family: Family): string {
  if (family === "ip") return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, at) => (value >> BigInt(112 - 16 * at)) & 0xffffn);
  return shortest(groups.map((group) => group.toString(16)).join(":"));
}

/** An address as the kernel and its programs write it. */
export function plainAddress(text: string): string {
  return isIP(text) === 6 ? shortest(text) : text;
}

/** As RFC 5952 has it, which is how URLs write them. */
function shortest(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

function groupsOf(text: string): string[] {
  const [head = "", tail] = shortest(text).split("::");
  const parts = (side: string): string[] => (side === "" ? [] : side.split(":"));
  if (tail === undefined) return parts(head);
  const [before, after] = [parts(head), parts(tail)];
  return [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after];
}

export class InvalidAddressError extends Error {
  override name = "InvalidAddressError";
}
