/** Formats of texts, and expressions that a stranger wrote. */
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { parseDuration } from "../go-duration.ts";
import { parseCidr, parseIp } from "../ip-address.ts";
import { dnsLabelFaults, dnsSubdomainFaults } from "../names.ts";
import { parseQuantity, quantityFault } from "../quantity.ts";

/** What is wrong with a regular expression, in RE2's words. */
export class ExpressionError extends Error {
  override name = "ExpressionError";
}

/** As many expressions as the kinds of a large cluster have; a user's own kinds bring theirs. */
const expressionsMax = 10_000;
const expressions = new Map<string, RE2JS>();

/** RE2's syntax, in linear time: who writes a pattern need not be who suffers from it. */
export function compileExpression(pattern: string): RE2JS {
  let expression = expressions.get(pattern);
  if (expression === undefined) {
    try {
      expression = RE2JS.compile(pattern);
    } catch (error) {
      if (!(error instanceof RE2JSSyntaxException)) throw error;
      throw new ExpressionError(error.message, { cause: error });
    }
    if (expressions.size > expressionsMax) expressions.clear();
    expressions.set(pattern, expression);
  }
  return expression;
}

/** Whether the pattern is somewhere in the text. */
export function matchesExpression(pattern: string, text: string): boolean {
  return compileExpression(pattern).matcher(text).find();
}

const dateTime =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)$/;
const date = /^(\d{4})-(\d\d)-(\d\d)$/;

/** Whether the day is in the calendar. */
function isDay(match: RegExpExecArray | null): boolean {
  if (match === null) return false;
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
  const made = new Date(Date.UTC(2000, month - 1, day));
  made.setUTCFullYear(year, month - 1, day);
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
}

/** A name's letters: what looks like one in any script. */
const sign = "a-zA-Z0-9\\p{S}\\p{L}";
const hostname = new RegExp(
  `^([${sign}](-?[${sign}]{0,62})?|([${sign}]([-${sign}]{0,61}[${sign}])?\\.)+[a-zA-Z\\p{L}]{2,63})$`,
  "u",
);

function isHostname(text: string): boolean {
  return text.length <= 255 && hostname.test(text) && text.split(".").every((part) => part.length <= 63);
}

function isUri(text: string): boolean {
  if (/[\s\p{Cc}]/u.test(text) || text === "") return false;
  if (text.startsWith("/")) return true;
  return /^[a-zA-Z][-+.a-zA-Z0-9]*:./.test(text) && URL.canParse(text);
}

function uuid(version: string, variant: string): RegExp {
  return new RegExp(
    `^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`,
    "i",
  );
}

function digitsSum(text: string, weights: (index: number) => number): number {
  return [...text].reduce(
    (sum, digit, index) => sum + (digit === "X" ? 10 : Number(digit)) * weights(index),
    0,
  );
}

function isIsbn10(text: string): boolean {
  const plain = text.replace(/[\s-]+/g, "");
  return /^\d{9}[\dX]$/.test(plain) && digitsSum(plain, (index) => index + 1) % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const plain = text.replace(/[\s-]+/g, "");
  return /^\d{13}$/.test(plain) && digitsSum(plain, (index) => (index % 2 === 0 ? 1 : 3)) % 10 === 0;
}

/** By the beginnings that makers of cards have. */
const cardNumber = new RegExp(
  "^(4\\d{12}(\\d{3})?|5[1-5]\\d{14}|6(011|5\\d\\d)\\d{12}|3[47]\\d{13}|3(0[0-5]|[68]\\d)\\d{11}|" +
    "(2131|1800|35\\d{3})\\d{11})$",
);

function isCreditCard(text: string): boolean {
  const plain = text.replace(/\D+/g, "");
  if (!cardNumber.test(plain)) return false;
  const sum = [...plain].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

const isDigits =
  (pattern: RegExp) =>
  (text: string): boolean =>
    pattern.test(text);

/** Those that upstream checks in custom kinds, and `quantity`, which built-in kinds use. */
export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: isDigits(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: isDigits(/^([^<>]*<)?[^\s@<>]+@[^\s@<>]+>?$/),
  hostname: isHostname,
  ipv4: (text) => parseIp(text)?.family === 4,
  ipv6: (text) => parseIp(text)?.family === 6,
  cidr: (text) => parseCidr(text) !== undefined,
  mac: isDigits(
    /^([0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{2}([:-][0-9a-f]{2}){7}|([0-9a-f]{4}\.){2,3}[0-9a-f]{4})$/i,
  ),
  uuid: isDigits(uuid("[0-9a-f]", "[0-9a-f]")),
  uuid3: isDigits(uuid("3", "[0-9a-f]")),
  uuid4: isDigits(uuid("4", "[89ab]")),
  uuid5: isDigits(uuid("5", "[89ab]")),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: isDigits(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: isDigits(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: isDigits(/^rgb\(\s*((0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*(,\s*|\)$)){3}/),
  byte: isDigits(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  password: () => true,
  date: (text) => isDay(date.exec(text)),
  duration: (text) => parseDuration(text) !== undefined || isScalaDuration(text),
  "date-time": (text) => isDay(dateTime.exec(text)),
  datetime: (text) => isDay(dateTime.exec(text)),
  "k8s-short-name": (text) => dnsLabelFaults(text).length === 0,
  "k8s-long-name": (text) => dnsSubdomainFaults(text).length === 0,
  quantity: (text) => parseQuantity(text) !== undefined,
};

/** Whether texts of this format are checked. Dashes in its name are nothing. */
export function formatTest(format: string): ((text: string) => boolean) | undefined {
  const name = Object.hasOwn(formats, format) ? format : format.replaceAll("-", "");
  return Object.hasOwn(formats, name) ? formats[name] : undefined;
}

/** Why a text is not of a format, where its own words are better than its name. */
export const formatFaults: Readonly<Record<string, string>> = { quantity: quantityFault };

function isScalaDuration(text: string): boolean {
  const units =
    "nanos?|nanoseconds?|micros?|microseconds?|millis?|milliseconds?|secs?|seconds?|mins?|minutes?";
  return new RegExp(`^\\d+\\s*(${units}|hrs?|hours?|days?|weeks?|wks?|ns|us|µs|ms|s|m|h|d|w)$`).test(text);
}
