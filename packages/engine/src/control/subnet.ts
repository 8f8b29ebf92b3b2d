import { isIP } from "node:net";

export interface Subnet {
  readonly text: string;
  /** First and last address, as numbers; neither is a host's. */
  readonly first: number;
  readonly last: number;
}

/** An IPv4 network with room for a gateway and an app; undefined when it is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = "", length = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const bits = Number(length);
  if (isIP(address) !== 4 || bits < 8 || bits > 30) return undefined;
  const size = 2 ** (32 - bits);
  const first = Math.floor(toNumber(address) / size) * size;
  return { text: `${toAddress(first)}/${bits}`, first, last: first + size - 1 };
}

export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** EVE's cap: more addresses than that no node of ours gives out. */
const rangeMax = 256;

type Range =
  | { readonly gateway: string; readonly dhcpFirst: string; readonly dhcpLast: string }
  | { readonly field: string; readonly fault: string };

/** Gateway and DHCP range: what the configuration says, else the first address and those behind it. */
export function addressRange(subnet: Subnet, gateway: string, start: string, end: string): Range {
  const inside = (text: string): number | undefined => {
    const value = isIP(text) === 4 ? toNumber(text) : -1;
    return value > subnet.first && value < subnet.last ? value : undefined;
  };
  const router = gateway === "" ? subnet.first + 1 : inside(gateway);
  if (router === undefined) return { field: "gateway", fault: `${gateway} is not a host of ${subnet.text}` };
  const from = start === "" ? (router === subnet.first + 1 ? router + 1 : subnet.first + 1) : inside(start);
  if (from === undefined)
    return { field: "dhcpRange.start", fault: `${start} is not a host of ${subnet.text}` };
  const to = end === "" ? Math.min(subnet.last - 1, from + rangeMax - 1) : inside(end);
  if (to === undefined) return { field: "dhcpRange.end", fault: `${end} is not a host of ${subnet.text}` };
  if (to < from) return { field: "dhcpRange.end", fault: `${end} is before ${toAddress(from)}` };
  if (start !== "" && router >= from && router <= to)
    return { field: "gateway", fault: `${toAddress(router)} lies inside the DHCP range` };
  // A range of our own making ends where it would reach the router.
  const last = router > from && router <= to ? router - 1 : to;
  return { gateway: toAddress(router), dhcpFirst: toAddress(from), dhcpLast: toAddress(last) };
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
