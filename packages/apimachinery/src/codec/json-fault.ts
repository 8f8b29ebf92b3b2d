/** What is wrong with a text that is no JSON, in the words of Go's parser, which people search for. Pure. */

const ended = "unexpected end of JSON input";
const blank = " \t\r\n";
const digit = /[0-9]/;

type State = "value" | "value or end" | "key" | "key or end" | "colon" | "after";
/** Where to go on, or what is wrong. */
type Step = number | string;

/** Undefined: nothing that Go would mind. */
export function jsonFault(text: string): string | undefined {
  const open: ("{" | "[")[] = [];
  let state: State = "value";
  for (let at = 0; ; ) {
    while (at < text.length && blank.includes(text.charAt(at))) at++;
    if (at >= text.length) return state === "after" && open.length === 0 ? undefined : ended;
    const char = text.charAt(at);
    const closes = char === (open.at(-1) === "{" ? "}" : "]");
    if (closes && (state === "key or end" || state === "value or end" || state === "after") && open.pop()) {
      state = "after";
      at++;
    } else if (state === "after") {
      const holder = open.at(-1);
      if (holder === undefined) return odd(text, at, "after top-level value");
      if (char !== ",")
        return odd(text, at, holder === "{" ? "after object key:value pair" : "after array element");
      state = holder === "{" ? "key" : "value";
      at++;
    } else if (state === "colon") {
      if (char !== ":") return odd(text, at, "after object key");
      state = "value";
      at++;
    } else if (state !== "key" && state !== "key or end" && (char === "{" || char === "[")) {
      open.push(char);
      state = char === "{" ? "key or end" : "value or end";
      at++;
    } else {
      const isKey: boolean = state === "key" || state === "key or end";
      if (isKey && char !== '"') return odd(text, at, "looking for beginning of object key string");
      const step = afterScalar(text, at);
      if (typeof step === "string") return step;
      state = isKey ? "colon" : "after";
      at = step;
    }
  }
}

function afterScalar(text: string, at: number): Step {
  const char = text.charAt(at);
  if (char === '"') return afterString(text, at + 1);
  if (char === "-" || digit.test(char)) return afterNumber(text, at);
  const word = ["true", "false", "null"].find((one) => one.startsWith(char));
  if (word === undefined) return odd(text, at, "looking for beginning of value");
  for (const [place, expected] of [...word].entries())
    if (text[at + place] !== expected)
      return odd(text, at + place, `in literal ${word} (expecting '${expected}')`);
  return at + word.length;
}

function afterString(text: string, start: number): Step {
  for (let at = start; ; at++) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (at >= text.length) return ended;
    if (char < " ") return odd(text, at, "in string literal");
    if (char !== "\\") continue;
    at++;
    if (text[at] === "u") {
      for (const last = at + 4; at < last; )
        if (!/[\da-fA-F]/.test(text.charAt(++at)))
          return odd(text, at, "in \\u hexadecimal character escape");
    } else if (!'bfnrt\\/"'.includes(text[at] ?? " ")) return odd(text, at, "in string escape code");
  }
}

function afterNumber(text: string, start: number): Step {
  let at = text[start] === "-" ? start + 1 : start;
  if (!digit.test(text.charAt(at))) return odd(text, at, "in numeric literal");
  const digits = (): void => {
    while (digit.test(text.charAt(at))) at++;
  };
  if (text[at] === "0") at++;
  else digits();
  if (text[at] === ".") {
    at++;
    if (!digit.test(text.charAt(at))) return odd(text, at, "after decimal point in numeric literal");
    digits();
  }
  if (text[at] === "e" || text[at] === "E") {
    at++;
    if (text[at] === "+" || text[at] === "-") at++;
    if (!digit.test(text.charAt(at))) return odd(text, at, "in exponent of numeric literal");
    digits();
  }
  return at;
}

function odd(text: string, at: number, where: string): string {
  return `invalid character ${quoted(text, at)} ${where}`;
}

const escapes: Readonly<Record<string, string>> = {
  ...{ "'": "\\'", "\\": "\\\\", "\x07": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r" },
  ...{ "\t": "\\t", "\v": "\\v" },
};

/** Go looks at bytes: of a character of several it shows the first. What ends inside of a word ends with a blank. */
function quoted(text: string, at: number): string {
  const [byte = 0] = new TextEncoder().encode(String.fromCodePoint(text.codePointAt(at) ?? 0x20));
  const char = String.fromCharCode(byte);
  const shown = byte < 0x20 || byte === 0x7f ? `\\x${byte.toString(16).padStart(2, "0")}` : char;
  return `'${escapes[char] ?? shown}'`;
}
