/** The addresses that Services are given: one range, the same on all replicas. */
import { isIPv4 } from "node:net";

export interface ServiceRange {
  readonly cidr: string;
  /** The address of the range itself, as a number. */
  readonly first: number;
  readonly size: number;
  /** As many of the lowest are for those that ask for theirs: 1 is `kubernetes`, 10 the resolver. */
  readonly kept: number;
}

/** Smaller ones have no room, larger ones nobody has. */
const [bitsMin, bitsMax] = [8, 29];
/** Upstream's: a sixteenth, within these. */
const [keptMin, keptMax] = [16, 256];

/** Undefined: no range of IPv4 that Services can have. */
export function parseServiceRange(cidr: string): ServiceRange | undefined {
  const [address = "", length = ""] = cidr.split("/");
  const bits = Number(length);
  if (!isIPv4(address) || !/^\d+$/.test(length) || bits < bitsMin || bits > bitsMax) return undefined;
  const size = 2 ** (32 - bits);
  const first = Math.floor(numberOf(address) / size) * size;
  const kept = Math.min(Math.max(keptMin, size / 16), keptMax, size / 2);
  return { cidr: `${textOf(first)}/${bits}`, first, size, kept };
}

/**
 * Each node has them for its own apps, so they need not be free anywhere but there; it is the range that others use,
 * too.
 */
export const defaultServiceRange: ServiceRange = {
  cidr: "10.96.0.0/12",
  first: 0x0a600000,
  size: 2 ** 20,
  kept: 256,
};

export function addressAt({ first }: ServiceRange, at: number): string {
  return textOf(first + at);
}

/** Whether a Service may have it: neither the range's own address nor the last, which is everybody's. */
export function isWithin({ first, size }: ServiceRange, address: string): boolean {
  if (!isIPv4(address)) return false;
  const at = numberOf(address) - first;
  return at > 0 && at < size - 1;
}

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
