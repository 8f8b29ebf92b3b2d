/** Selectors as text in a URL, token by token as upstream reads them: its words say what was found and what not. */
import { labelValueFaults, qualifiedNameFaults } from "./names.ts";
import { type FieldRequirement, type Requirement, requirementsMax, SelectorError } from "./selectors.ts";

/** Reads `a=b,c!=d,e in (f,g),!h`. An empty text matches everything. */
export function parseLabelSelector(text: string): Requirement[] {
  const tokens = new Tokens(text);
  const requirements: Requirement[] = [];
  while (tokens.next !== "") {
    if (!isName(tokens.next) && tokens.next !== "!")
      throw unexpected(tokens.next, ", expected: !, identifier, or 'end of string'");
    if (requirements.length >= requirementsMax)
      throw new SelectorError(`more than ${requirementsMax} requirements`);
    requirements.push(requirementIn(tokens));
    const after = tokens.take();
    if (after === "") break;
    if (after !== ",") throw unexpected(after, ", expected: ',' or 'end of string'");
    if (!isName(tokens.next) && tokens.next !== "!")
      throw unexpected(tokens.next, ", expected: identifier after ','");
  }
  return requirements;
}

/** Reads `metadata.name=a,status.phase!=Running`; `\,`, `\=` and `\\` stand for themselves. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const parts = text.match(/(?:\\[\s\S]?|[^,\\])+/g) ?? [];
  // What asks for nothing of nothing is passed over.
  const asking = parts.filter((part) => !/^(?:!=|==?)$/.test(part));
  return asking.sort().map((part) => {
    const match = /^([\s\S]*?)(!=|==|=)([\s\S]*)$/.exec(part);
    if (match === null) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, path = "", operator, value = ""] = match;
    return { path, equal: operator !== "!=", value: unescaped(value) };
  });
}

function unescaped(value: string): string {
  return value.replace(/\\([\s\S]?)|[,=]/gu, (sequence, letter: string | undefined) => {
    if (letter !== undefined && letter !== "" && "\\,=".includes(letter)) return letter;
    const why =
      letter === undefined
        ? `unescaped character in value: ${sequence.codePointAt(0)}`
        : `invalid escape sequence: ${sequence}`;
    throw new SelectorError(`invalid field selector: ${why}`);
  });
}

/** What there is from here on; the end is an empty token. */
class Tokens {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!(),<>]|[^=!(),<>\r\n\t ]+/g) ?? [];
  }

  get next(): string {
    return this.#tokens[this.#at] ?? "";
  }

  take(): string {
    const { next } = this;
    this.#at++;
    return next;
  }
}

const isName = (token: string): boolean => /^[^=!(),<>]/.test(token);

function unexpected(token: string, expected: string): SelectorError {
  return new SelectorError(`found '${token}'${expected}`);
}

const operators: Readonly<Record<string, Requirement["operator"]>> = {
  ...{ in: "In", notin: "NotIn", "=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt" },
};

function requirementIn(tokens: Tokens): Requirement {
  try {
    const absent = tokens.next === "!";
    if (absent) tokens.take();
    const key = tokens.take();
    if (!isName(key)) throw unexpected(key, ", expected: identifier");
    const [fault] = qualifiedNameFaults(key);
    if (fault !== undefined) throw new SelectorError(invalidValue("<nil>", key, fault));
    if (absent) return { key, operator: "DoesNotExist", values: [] };
    if (tokens.next === "" || tokens.next === ",") return { key, operator: "Exists", values: [] };
    const said = tokens.take();
    const operator = Object.hasOwn(operators, said) ? operators[said] : undefined;
    if (operator === undefined) throw unexpected(said, ", expected: in, notin, =, ==, !=, gt, lt");
    const values = said === "in" || said === "notin" ? valuesIn(tokens) : [valueIn(tokens)];
    checkValues(key, operator, values);
    return { key, operator, values };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new SelectorError(`unable to parse requirement: ${error.message}`, { cause: error });
  }
}

function valueIn(tokens: Tokens): string {
  if (tokens.next === "" || tokens.next === ",") return "";
  const value = tokens.take();
  if (!isName(value)) throw unexpected(value, ", expected: identifier");
  return value;
}

/** `(a,b)`; a place between commas that is empty is the empty text. */
function valuesIn(tokens: Tokens): string[] {
  const open = tokens.take();
  if (open !== "(") throw unexpected(open, " expected: '('");
  if (!isName(tokens.next) && tokens.next !== "," && tokens.next !== ")")
    throw unexpected(tokens.next, ", expected: ',', ')' or identifier");
  const values = new Set<string>();
  for (let wasComma = true; ; ) {
    const token = tokens.take();
    if (isName(token)) {
      values.add(token);
      if (tokens.next !== "," && tokens.next !== ")") throw unexpected(tokens.next, ", expected: ',' or ')'");
      wasComma = false;
    } else if (token === "," || token === ")") {
      if (wasComma) values.add("");
      if (token === ")") return [...values].sort();
      wasComma = true;
    } else throw unexpected(token, ", expected: ',', or identifier");
  }
}

function checkValues(key: string, operator: Requirement["operator"], values: readonly string[]): void {
  const faults: string[] = [];
  const [first = ""] = values;
  if ((operator === "Gt" || operator === "Lt") && !(/^[+-]?\d+$/.test(first) && isInt64(first)))
    faults.push(invalidValue("values[0]", first, "for 'Gt', 'Lt' operators, the value must be an integer"));
  for (const [index, value] of values.entries())
    for (const fault of labelValueFaults(value))
      faults.push(invalidValue(`values[${index}][${key}]`, value, fault));
  if (faults.length > 0) throw new SelectorError(faults.length === 1 ? faults[0] : `[${faults.join(", ")}]`);
}

/** Whether so much fits into 64 bits. */
export function isInt64(digits: string): boolean {
  // BigInt knows no plus.
  const value = BigInt(digits.replace(/^\+/, ""));
  return BigInt.asIntN(64, value) === value;
}

const invalidValue = (field: string, value: string, why: string): string =>
  `${field}: Invalid value: ${JSON.stringify(value)}: ${why}`;
