/** Each as `encoding/json` of Go 1.24 says it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jsonFault } from "./json-fault.ts";

const ended = "unexpected end of JSON input";
const odd = (character: string, where: string): string => `invalid character '${character}' ${where}`;

const rows: readonly (readonly [text: string, fault: string | undefined])[] = [
  ['{"a":[1,-0.5e+10,{"b":null}],"c":"x\\u00e9"} \n', undefined],
  ["[]", undefined],
  ["", ended],
  [" \n", ended],
  ["{", ended],
  ['{"a":', ended],
  ['{"a":1', ended],
  ['"a', ended],
  ["1e", odd(" ", "in exponent of numeric literal")],
  ["tru", odd(" ", "in literal true (expecting 'e')")],
  ["x", odd("x", "looking for beginning of value")],
  ["[1,]", odd("]", "looking for beginning of value")],
  ["{]", odd("]", "looking for beginning of object key string")],
  ['{"a":1,}', odd("}", "looking for beginning of object key string")],
  ["{'a':1}", odd("\\'", "looking for beginning of object key string")],
  ['{"a" 1}', odd("1", "after object key")],
  ['{"a":1 "b":2}', odd('"', "after object key:value pair")],
  ["[1 2]", odd("2", "after array element")],
  ["{} {}", odd("{", "after top-level value")],
  ["01", odd("1", "after top-level value")],
  ["-x", odd("x", "in numeric literal")],
  ["1.x", odd("x", "after decimal point in numeric literal")],
  ["falls", odd("l", "in literal false (expecting 's')")],
  ['"a\nb"', odd("\\n", "in string literal")],
  ['"a\u0001"', odd("\\x01", "in string literal")],
  ['"\\x"', odd("x", "in string escape code")],
  ['"\\u00g0"', odd("g", "in \\u hexadecimal character escape")],
  ["ä", odd("Ã", "looking for beginning of value")],
];

describe("what is wrong with JSON", () => {
  for (const [text, fault] of rows)
    it(`${JSON.stringify(text)}: ${fault ?? "nothing"}`, () => assert.equal(jsonFault(text), fault));
});
