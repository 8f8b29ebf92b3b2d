/** Addresses as numbers, which is what ranges are counted in. */
export function parseIpv4(text: string): number {
  const parts = text.split(".");
  const numbers = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (numbers.length !== 4 || numbers.some((part) => part > 255))
    throw new InvalidAddressError(`${JSON.stringify(text)} is not an IPv4 address`);
  return numbers.reduce((sum, part) => sum * 256 + part, 0);
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

export function prefixOf(cidr: string): number {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(cidr);
  const prefix = Number(match?.[2]);
  if (match?.[1] === undefined || prefix > 30 || prefix < 8)
    throw new InvalidAddressError(`subnet ${JSON.stringify(cidr)} is not a.b.c.d/8 to /30`);
  parseIpv4(match[1]);
  return prefix;
}

export class InvalidAddressError extends Error {
  override name = "InvalidAddressError";
}
