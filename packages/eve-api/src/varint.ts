/** Protobuf's whole numbers of any length: seven bits a byte, the lowest first. */
export interface Varint {
  readonly value: number;
  /** Where what follows it begins. */
  readonly next: number;
}

/** As many bytes as 64 bits take. */
export const varintBytesMax: number = 10;

/** Undefined when the bytes end within it, or when it is longer than any. */
export function readVarint(bytes: Uint8Array, at: number): Varint | undefined {
  let value = 0;
  for (let index = 0; index < varintBytesMax; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return undefined;
}

export function varintOf(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
