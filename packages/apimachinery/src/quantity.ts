/** Amounts of resources: `100m`, `1.5Gi`, `2e3`. Kept exactly, in billionths, as upstream does. */

/** A quantity as a whole number of billionths. */
export type Nano = bigint;

const nanoPerUnit = 1_000_000_000n;
/** Upstream refuses nothing longer, but no amount needs it; a longer text is an attack on the parser. */
const textMax = 64;

const decimalSuffixes: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binarySuffixes: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d{1,2})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?$/;

/** Why a text is no quantity, in upstream's words. */
export const quantityFault: string =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Looks like an amount, but what follows the digits is no unit. */
const oddSuffix = /^[+-]?(?:\d+\.?\d*|\.\d+)[eEinumkKMGTP]*[+-]?\d*$/;

/** Why a value is no quantity, as upstream's decoder says it; undefined: it is one. */
export function quantityFaultOf(value: unknown): string | undefined {
  const isPlain = typeof value === "string" || typeof value === "number";
  if (isPlain && parseQuantity(value) !== undefined) return undefined;
  return isPlain && oddSuffix.test(`${value}`) ? "unable to parse quantity's suffix" : quantityFault;
}

/** The amount, rounded up to billionths; undefined when the text is no quantity. */
export function parseQuantity(text: string | number): Nano | undefined {
  const source = String(text);
  const match = source.length <= textMax ? pattern.exec(source) : null;
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  const binary = binarySuffixes[suffix];
  const power =
    (exponent === undefined ? (decimalSuffixes[suffix] ?? 0) : Number(exponent.slice(1))) - fraction.length;
  const scaled = digits * nanoPerUnit * (binary ?? 1n);
  const amount = power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power));
  return sign === "-" ? -amount : amount;
}

/** Whole units, rounded up: bytes of memory, count of devices. */
export function toUnits(amount: Nano): number {
  return Number(divideUp(amount, nanoPerUnit));
}

/** Thousandths, rounded up: CPU. */
export function toMillis(amount: Nano): number {
  return Number(divideUp(amount, nanoPerUnit / 1000n));
}

/** The amount in upstream's canonical form with binary suffixes, for memory and storage. */
export function formatBinary(amount: Nano): string {
  if (amount % nanoPerUnit !== 0n) return formatDecimal(amount);
  const units = amount / nanoPerUnit;
  const found = Object.entries(binarySuffixes).findLast(([, size]) => units !== 0n && units % size === 0n);
  return found === undefined ? String(units) : `${units / found[1]}${found[0]}`;
}

/** The amount in upstream's canonical form with decimal suffixes, for CPU and counts. */
export function formatDecimal(amount: Nano): string {
  if (amount === 0n) return "0";
  const suffixes = Object.entries(decimalSuffixes).sort(([, left], [, right]) => right - left);
  for (const [suffix, power] of suffixes) {
    const size = 10n ** BigInt(power + 9);
    if (amount % size === 0n) return `${amount / size}${suffix}`;
  }
  return `${amount}n`;
}

function divideUp(amount: bigint, by: bigint): bigint {
  return amount >= 0n ? (amount + by - 1n) / by : -(-amount / by);
}
