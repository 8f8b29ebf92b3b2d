import { createHash } from "node:crypto";
import { isIP } from "node:net";
import {
  type Family,
  familyOf,
  formatAddress,
  InvalidAddressError,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../network/address.ts";

/** A network of a family with room for a gateway and an app; undefined when it is none. */
export function parseSubnet(text: string, family: Family): Prefix | undefined {
  try {
    const prefix = parsePrefix(text);
    return prefix.family === family ? prefix : undefined;
  } catch (error) {
    if (error instanceof InvalidAddressError) return undefined;
    throw error;
  }
}

/**
 * A prefix of nobody else's for a network that names none (RFC 4193): always the same for the same network, so
 * that its apps keep their addresses.
 */
export function ownPrefix(id: string): Prefix {
  const hash = createHash("sha256").update(`prefix ${id}`).digest("hex");
  return parsePrefix(`fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}::/64`);
}

export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** EVE's cap: more addresses than that no node of ours gives out. */
const rangeMax = 256n;

type Range =
  | { readonly gateway: string; readonly dhcpFirst: string; readonly dhcpLast: string }
  | { readonly field: string; readonly fault: string };

/** Gateway and DHCP range: what the configuration says, else the first address and those behind it. */
export function addressRange(subnet: Prefix, gateway: string, start: string, end: string): Range {
  const inside = (text: string): bigint | undefined => {
    if (!isAddress(text) || familyOf(text) !== subnet.family) return undefined;
    const value = parseAddress(text);
    return value > subnet.first && value < subnet.last ? value : undefined;
  };
  const written = (value: bigint): string => formatAddress(value, subnet.family);
  const router = gateway === "" ? subnet.first + 1n : inside(gateway);
  if (router === undefined) return { field: "gateway", fault: `${gateway} is not a host of ${subnet.text}` };
  const from =
    start === "" ? (router === subnet.first + 1n ? router + 1n : subnet.first + 1n) : inside(start);
  if (from === undefined)
    return { field: "dhcpRange.start", fault: `${start} is not a host of ${subnet.text}` };
  const most = from + rangeMax - 1n;
  const to = end === "" ? (subnet.last - 1n < most ? subnet.last - 1n : most) : inside(end);
  if (to === undefined) return { field: "dhcpRange.end", fault: `${end} is not a host of ${subnet.text}` };
  if (to < from) return { field: "dhcpRange.end", fault: `${end} is before ${written(from)}` };
  if (start !== "" && router >= from && router <= to)
    return { field: "gateway", fault: `${written(router)} lies inside the DHCP range` };
  // A range of our own making ends where it would reach the router.
  const last = router > from && router <= to ? router - 1n : to;
  return { gateway: written(router), dhcpFirst: written(from), dhcpLast: written(last) };
}
