/** Numbers as Go writes and reads them: in expressions a text of one is compared, so each digit counts. */

const grouped = /\B(?=(\d{3})+(?!\d))/g;
const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function unbounded(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? "+Inf" : "-Inf";
}

/** The digits of the shortest text that is this number, and where its point stands. */
function shortest(value: number): { readonly digits: string; readonly exponent: number } {
  const [mantissa = "0", exponent = "0"] = Math.abs(value).toExponential().split("e");
  return { digits: mantissa.replace(".", ""), exponent: Number(exponent) };
}

function signOf(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

/** Without an exponent. */
export function plainText(value: number): string {
  const { digits, exponent } = shortest(value);
  if (exponent < 0) return `${signOf(value)}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return `${signOf(value)}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** With %g: an exponent where the number is far from one. */
export function generalText(value: number): string {
  const special = unbounded(value);
  if (special !== undefined) return special;
  const { digits, exponent } = shortest(value);
  if (exponent >= -4 && exponent < 6) return plainText(value);
  const fraction = digits.slice(1);
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${signOf(value)}${digits[0]}${fraction === "" ? "" : `.${fraction}`}e${exponent < 0 ? "-" : "+"}${size}`;
}

/** So many digits after the point; what is exactly between two goes to the even one. */
export function fixedText(value: number, precision: number): string {
  const sign = value < 0 ? "-" : "";
  const size = Math.abs(value);
  if (size >= 1e21) return `${sign}${BigInt(size)}${precision === 0 ? "" : `.${"0".repeat(precision)}`}`;
  const up = size.toFixed(precision);
  const rest = size.toFixed(100).slice(size.toFixed(100).indexOf(".") + 1 + precision);
  const isTie = /^50*$/.test(rest) && precision < 100;
  if (!isTie || Number(up.at(-1)) % 2 === 0) return `${sign}${up}`;
  const scaled = BigInt(up.replace(".", "")) - 1n;
  const text = scaled.toString().padStart(precision + 1, "0");
  return `${sign}${precision === 0 ? text : `${text.slice(0, -precision)}.${text.slice(-precision)}`}`;
}

/** As a person of the United States reads it: `12,345.50`. */
export function localFixedText(value: number, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const [whole = "", fraction] = fixedText(value, precision).split(".");
  return `${whole.replace(grouped, ",")}${fraction === undefined ? "" : `.${fraction}`}`;
}

/** As a person reads it, in no fewer than so many characters: `1.234500×10⁰³`. */
export function localScientificText(value: number, width: number): string {
  return scientific(value).padStart(width);
}

function scientific(value: number): string {
  if (!Number.isFinite(value)) return localFixedText(value, 0);
  const [mantissa = "", exponent = ""] = Math.abs(value).toExponential(6).split("e");
  const size = exponent.slice(1).padStart(2, "0");
  const raised = [...size].map((digit) => superscripts[Number(digit)]).join("");
  return `${value < 0 ? "-" : ""}${mantissa}×10${exponent.startsWith("-") ? "⁻" : ""}${raised}`;
}

const decimal = /^[+-]?(\d(_?\d)*\.?(\d(_?\d)*)?|\.\d(_?\d)*)(e[+-]?\d(_?\d)*)?$/i;
const hexadecimal = /^([+-]?)0x_?([\da-f](?:_?[\da-f])*)?(?:\.((?:[\da-f](?:_?[\da-f])*)?))?p([+-]?\d+)$/i;
const special = /^([+-]?)(inf|infinity|nan)$/i;

/** Undefined where the text is no number; infinite where it is too large and does not say so. */
export function readDouble(text: string): number | undefined {
  if (decimal.test(text)) return Number(text.replaceAll("_", ""));
  const named = special.exec(text);
  if (named !== null) {
    if (/nan/i.test(text)) return named[1] === "" ? Number.NaN : undefined;
    return named[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const match = hexadecimal.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", power] = match;
  const digits = `${whole}${fraction}`.replaceAll("_", "");
  if (digits === "") return undefined;
  const size = Number(BigInt(`0x${digits}`)) * 2 ** (Number(power) - 4 * fraction.replaceAll("_", "").length);
  return sign === "-" ? -size : size;
}
