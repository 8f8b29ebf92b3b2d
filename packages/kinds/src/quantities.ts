import { formatBinary, formatDecimal, type Nano, parseQuantity } from "@selvedge/apimachinery";

const unit = 1_000_000_000n;
/** Below this a binary suffix would say less than the number does. */
const binaryFrom = 1024n * unit;

/** At most three digits cannot be said shorter: nearly all amounts that people write. */
const canonical = /^[1-9]\d{0,2}([mkMGTPE]|[KMGTPE]i)?$/;

/** An amount as upstream writes it: the family of the suffix stays, the mantissa is a whole number.
 * Undefined when it is none. */
export function canonicalQuantity(text: string | number): string | undefined {
  if (typeof text === "string" && canonical.test(text)) return text;
  const amount = parseQuantity(text);
  if (amount === undefined) return undefined;
  const source = String(text);
  if (/[KMGTPE]i$/.test(source)) {
    const isSmall = amount > -binaryFrom && amount < binaryFrom;
    return isSmall ? formatDecimal(amount) : formatBinary(amount);
  }
  return /[eE]-?\+?\d+$/.test(source) ? withExponent(amount) : formatDecimal(amount);
}

/** `12e6`: the exponent is a multiple of three. */
function withExponent(amount: Nano): string {
  if (amount === 0n) return "0";
  let [mantissa, exponent] = [amount, -9];
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}
