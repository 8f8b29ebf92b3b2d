import { CompileError } from "./ast.ts";

export type TokenKind = "ident" | "int" | "uint" | "double" | "string" | "bytes" | "punctuation" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly value?: unknown;
  readonly at: number;
}

/** Longer than any rule that a person writes. */
const textMax = 100_000;

const space = /[\s\f]+|\/\/[^\n]*/y;
const word = /[A-Za-z_]\w*/y;
const number =
  /0x[0-9a-fA-F]+u?|(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|\d+u?/iy;
const string = /([rR]?[bB]?|[bB][rR])("""|'''|"|')/y;
const punctuation = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y;

export function tokens(source: string): Token[] {
  if (source.length > textMax) throw new CompileError("", [{ at: 0, message: "expression is too long" }]);
  const found: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  while (at < source.length) {
    const start = at;
    const skipped = take(space);
    if (skipped !== null) {
      at += skipped[0].length;
      continue;
    }
    const quote = take(string);
    if (quote !== null) {
      at += quote[0].length;
      const [prefix = "", mark = '"'] = [quote[1]?.toLowerCase(), quote[2]];
      const end = endOf(source, at, mark, prefix.includes("r"));
      const raw = source.slice(at, end);
      at = end + mark.length;
      const isBytes = prefix.includes("b");
      const value = prefix.includes("r") ? rawValue(raw, isBytes) : unescaped(source, raw, isBytes, start);
      found.push({ kind: isBytes ? "bytes" : "string", text: raw, value, at: start });
      continue;
    }
    const digits = take(number);
    if (digits !== null) {
      at += digits[0].length;
      found.push(numberToken(source, digits[0], start));
      continue;
    }
    const name = take(word) ?? undefined;
    const sign = name === undefined ? take(punctuation) : undefined;
    const text = name?.[0] ?? sign?.[0];
    if (text === undefined) {
      const message =
        source[at] === "`"
          ? "unsupported syntax: '`'"
          : `Syntax error: token recognition error at: '${source[at]}'`;
      throw new CompileError(source, [{ at, message }]);
    }
    at += text.length;
    found.push({ kind: name === undefined ? "punctuation" : "ident", text, at: start });
  }
  found.push({ kind: "end", text: "<EOF>", at: source.length });
  return found;
}

function endOf(source: string, from: number, mark: string, raw: boolean): number {
  for (let at = from; at < source.length; at++) {
    if (source.startsWith(mark, at)) return at;
    if (mark.length === 1 && source[at] === "\n") break;
    if (!raw && source[at] === "\\") at++;
  }
  const message = `Syntax error: token recognition error at: '${source.slice(from - 1)}'`;
  throw new CompileError(source, [{ at: from - mark.length, message }]);
}

function numberToken(source: string, text: string, at: number): Token {
  if (/[.eE]/.test(text) && !text.startsWith("0x")) {
    const value = Number(text);
    if (Number.isFinite(value)) return { kind: "double", text, value, at };
    throw new CompileError(source, [{ at, message: "invalid double literal" }]);
  }
  const unsigned = /u$/i.test(text);
  const value = BigInt(unsigned ? text.slice(0, -1) : text);
  // The least integer's digits are one more than the greatest: a minus may stand before them.
  if (value > (unsigned ? 2n ** 64n - 1n : 2n ** 63n)) {
    throw new CompileError(source, [{ at, message: `invalid ${unsigned ? "uint" : "int"} literal` }]);
  }
  return { kind: unsigned ? "uint" : "int", text, value, at };
}

const encoder = new TextEncoder();

function rawValue(raw: string, isBytes: boolean): unknown {
  return isBytes ? encoder.encode(raw) : raw;
}

const simple: Readonly<Record<string, string>> = {
  ...{ a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?" },
};
const sequence = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))/gs;

function unescaped(source: string, raw: string, isBytes: boolean, at: number): unknown {
  const bytes: number[] = [];
  let text = "";
  let from = 0;
  const add = (part: string): void => {
    if (isBytes) bytes.push(...encoder.encode(part));
    else text += part;
  };
  for (const match of raw.matchAll(sequence)) {
    add(raw.slice(from, match.index));
    from = match.index + match[0].length;
    const [, four, eight, two, octal, letter] = match;
    const code = four ?? eight ?? two;
    const point = code !== undefined ? Number.parseInt(code, 16) : Number.parseInt(octal ?? "", 8);
    if (letter !== undefined) {
      const plain = simple[letter];
      if (plain === undefined) {
        throw new CompileError(source, [{ at, message: `Syntax error: unable to unescape string` }]);
      }
      add(plain);
    } else if (isBytes && (two !== undefined || octal !== undefined)) bytes.push(point);
    else if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      throw new CompileError(source, [{ at, message: "invalid unicode code point" }]);
    } else add(String.fromCodePoint(point));
  }
  add(raw.slice(from));
  return isBytes ? Uint8Array.from(bytes) : text;
}
