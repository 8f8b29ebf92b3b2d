/**
 * JSON with integers of 64 bits, as Kubernetes has it. An integer beyond what a number holds exactly is a bigint, and
 * only such: every value has one form, so `===` tells whether two are the same. JSON.stringify writes all its digits.
 *
 * For that this file gives every bigint of the program a `toJSON`: without one JSON.stringify throws, and whatever
 * writes an object down, logs it or hashes it would have to be told of integers.
 */

declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): boolean;
  }
}

Object.defineProperty(BigInt.prototype, "toJSON", {
  // Not writable: a library that gives bigints another form would turn integers into texts, and is told at once.
  configurable: true,
  value(this: bigint): object {
    return JSON.rawJSON(String(this));
  },
});

/** Whether the integer in a member of the name may be a bigint. */
export type KeepsInteger = (member: string) => boolean;

/** Whatever the member. */
export const keepsIntegers: KeepsInteger = () => true;

/**
 * Numbers hold every integer of up to fifteen digits. Written out, since a count is slower; what stands before it tells
 * most texts from numbers.
 */
const longInteger = /[:,[\s-]\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d\d/;

/** Throws what JSON.parse throws. `rounded` hears of integers that are kept as others. */
export function parseJson(
  text: string,
  keeps: KeepsInteger = keepsIntegers,
  rounded?: (integer: string) => void,
): unknown {
  if (!longInteger.test(text)) return JSON.parse(text);
  return JSON.parse(text, (member, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
    return /^-?\d{16,40}$/.test(source) ? heldInteger(BigInt(source), keeps(member), rounded) : value;
  });
}

/** Of a larger one nobody wants to hear: it is no count of anything. */
const toldMax = 10n ** 40n;

/** An integer as it is held. Beyond 64 bits it is a number in any case, as Go makes it one. */
export function heldInteger(
  integer: bigint,
  keeps: boolean,
  rounded?: (integer: string) => void,
): bigint | number {
  const number = Number(integer);
  if (Number.isSafeInteger(number)) return number;
  if (keeps && BigInt.asIntN(64, integer) === integer) return integer;
  if (rounded !== undefined && integer < toldMax && integer > -toldMax && BigInt(number) !== integer)
    rounded(String(integer));
  return number;
}

/** Whether it is an integer, in either form. */
export function isInteger(value: unknown): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}
