/** Addresses and ranges of addresses, of both versions of IP. */

interface Range {
  readonly version: 4 | 6;
  readonly start: bigint;
  readonly bits: number;
}

/** Why the text is no range, or none within `within`; undefined when it is. */
export function cidrFault(text: string, within?: string): string | undefined {
  const range = parseCidr(text);
  if (range === undefined) return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  const outer = within === undefined ? undefined : parseCidr(within);
  if (outer === undefined) return undefined;
  const width = outer.version === 4 ? 32 : 128;
  const shift = BigInt(width - outer.bits);
  const inside =
    range.version === outer.version &&
    range.bits > outer.bits &&
    range.start >> shift === outer.start >> shift;
  return inside ? undefined : `must be a strict subset of \`cidr\``;
}

export const notAnAddress = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

export function isAddress(text: string, version?: 4 | 6): boolean {
  const parsed = parseAddress(text);
  return parsed !== undefined && (version === undefined || parsed.version === version);
}

/** Why no place that answers for a Service has this address: whoever dials it would come to itself, or nowhere. */
export function specialAddressFault(text: string): string | undefined {
  const said = parseAddress(text);
  if (said === undefined) return undefined;
  const address = isMapped(said) ? { version: 4 as const, start: said.start & 0xffff_ffffn } : said;
  const within = (...ranges: string[]): boolean =>
    ranges.map(parseCidr).some((range) => holds(range, address));
  if (address.start === 0n) return `may not be unspecified (${address.version === 4 ? "0.0.0.0" : "::"})`;
  if (within("127.0.0.0/8", "::1/128")) return "may not be in the loopback range (127.0.0.0/8, ::1/128)";
  if (within("169.254.0.0/16", "fe80::/10"))
    return "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
  // What upstream writes is not what it means.
  if (within("224.0.0.0/24", "ff02::/16"))
    return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
  return undefined;
}

/** Why it is not an address of this version as it is written by custom. */
export function addressFault(text: string, version: 4 | 6): { member: boolean; fault: string } | undefined {
  const address = parseAddress(text);
  if (address === undefined) return { member: true, fault: notAnAddress };
  if (isMapped(address)) return { member: true, fault: "must not be an IPv4-mapped IPv6 address" };
  // Upstream names the list.
  if (address.version !== version) return { member: false, fault: `must be an IPv${version} address` };
  const written = version === 4 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);
  if (written === text) return undefined;
  return { member: true, fault: `must be in canonical form (${JSON.stringify(written)})` };
}

type Address = Omit<Range, "bits">;

/** Whether it is an address of IPv4, written as one of IPv6. */
function isMapped({ version, start }: Address): boolean {
  return version === 6 && start >> 32n === 0xffffn;
}

function holds(range: Range | undefined, address: Address): boolean {
  if (range === undefined || range.version !== address.version) return false;
  const shift = BigInt((range.version === 4 ? 32 : 128) - range.bits);
  return range.start >> shift === address.start >> shift;
}

function parseCidr(text: string): Range | undefined {
  const [address = "", length = "", ...more] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  return bits > (parsed.version === 4 ? 32 : 128) ? undefined : { ...parsed, bits };
}

function parseAddress(text: string): Address | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) {
    const parts = text.split(".");
    // Leading zeros mean something else to some.
    if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith("0"))))
      return undefined;
    return { version: 4, start: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  }
  if (!/^[0-9a-fA-F:]*:[0-9a-fA-F:]*$/.test(text)) return undefined;
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => "0"), ...right];
  if (groups.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return { version: 6, start: groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n) };
}
