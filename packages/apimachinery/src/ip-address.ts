/** IP addresses and ranges, in the forms that Kubernetes allows: no zones, no leading zeros. */

export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpRange {
  readonly address: IpAddress;
  readonly prefix: number;
}

export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return { family: 4, value: parts.reduce((value, part) => value * 256n + BigInt(part), 0n) };
}

function parseIpv6(text: string): IpAddress | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded !== null) {
    const [, before = "", last = ""] = embedded;
    const ipv4 = parseIpv4(last);
    if (ipv4 === undefined) return undefined;
    const groups = [ipv4.value >> 16n, ipv4.value & 0xffffn].map((group) => group.toString(16));
    return parseIpv6(before + groups.join(":"));
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groupsOf = (half: string | undefined): string[] => (half ? half.split(":") : []);
  const [head, tail] = [groupsOf(halves[0]), groupsOf(halves[1])];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return { family: 6, value: groups.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n) };
}

export function parseCidr(text: string): IpRange | undefined {
  const [ip = "", length, ...rest] = text.split("/");
  const address = parseIp(ip);
  if (address === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length ?? "")) return undefined;
  const prefix = Number(length);
  return prefix <= bitsOf(address) ? { address, prefix } : undefined;
}

function bitsOf({ family }: IpAddress): number {
  return family === 4 ? 32 : 128;
}

/** An IPv4 address that is written as IPv6. */
export function isMapped({ family, value }: IpAddress): boolean {
  return family === 6 && value >> 32n === 0xffffn;
}

/** The canonical text: IPv6 by RFC 5952. */
export function formatIp(address: IpAddress): string {
  const { family, value } = address;
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  if (isMapped(address)) return `::ffff:${formatIp({ family: 4, value: value & 0xffffffffn })}`;
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - index * 16)) & 0xffffn);
  let [start, length] = [-1, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0n) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const text = (part: readonly bigint[]): string => part.map((group) => group.toString(16)).join(":");
  if (start < 0) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The bits below the prefix. */
function hostBits({ address, prefix }: IpRange): bigint {
  return (1n << BigInt(bitsOf(address) - prefix)) - 1n;
}

/** The range with the bits below its prefix taken away. */
export function masked(range: IpRange): IpRange {
  const { address, prefix } = range;
  return { address: { ...address, value: address.value & ~hostBits(range) }, prefix };
}

export function containsIp(range: IpRange, ip: IpAddress): boolean {
  if (range.address.family !== ip.family) return false;
  return (ip.value & ~hostBits(range)) === masked(range).address.value;
}
