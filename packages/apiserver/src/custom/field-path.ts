/** Paths to a member of a value, as rules and selectable fields write them: `.spec['a.b'].size`. */
import type { Schema } from "@selvedge/apimachinery";
import { asSchema } from "./faults.ts";

export interface FieldPath {
  /** Steps without their notation. */
  readonly steps: readonly string[];
  /** As field errors write it. */
  readonly text: string;
  readonly schema: Schema;
}

const escapes: Readonly<Record<string, string>> = {
  ...{ a: "\u0007", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "'": "'", "\\": "\\" },
};

/** The path within the schema, or what is wrong with it. */
export function parseFieldPath(path: string, schema: Schema, brackets = true): FieldPath | string {
  const tokens = path.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]]+/g) ?? [];
  const steps: string[] = [];
  let [text, here]: [string, Schema] = ["", schema];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at++];
    if (token !== "." && token !== "[") return `expected [ or . but got: ${token}`;
    if (token === "[" && !brackets) return "array notation is not allowed";
    let name = tokens[at++];
    if (name === undefined) return "unexpected end of JSON path";
    if (token === "[") {
      if (!/^'.*'$/.test(name)) return `expected single quoted string but got ${name}`;
      const unknown = [...name.matchAll(/\\(.)/g)].find(([, letter = ""]) => escapes[letter] === undefined);
      if (unknown !== undefined) return `invalid string literal: invalid escape char ${unknown[0]}`;
      name = name.slice(1, -1).replace(/\\(.)/g, (_match, letter: string) => escapes[letter] ?? letter);
    }
    const others = asSchema(here.additionalProperties);
    const inner = here.properties === undefined ? others : here.properties[name];
    if (inner === undefined) return "does not refer to a valid field";
    text = here.properties === undefined ? `${text}[${name}]` : text === "" ? name : `${text}.${name}`;
    steps.push(name);
    here = inner;
    if (token === "[") {
      const end = tokens[at++];
      if (end === undefined) return "unexpected end of JSON path";
      if (end !== "]") return `expected ] but got ${end}`;
    }
  }
  return { steps, text, schema: here };
}
