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

function parseCidr(text: string): Range | undefined {
  const [address = "", length = "", ...more] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || more.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  return bits > (parsed.version === 4 ? 32 : 128) ? undefined : { ...parsed, bits };
}

function parseAddress(text: string): Omit<Range, "bits"> | undefined {
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
