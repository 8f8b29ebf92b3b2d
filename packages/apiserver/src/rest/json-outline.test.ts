import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "@selvedge/base";
import { elementsOf, membersOf, type Outline, outlineOf } from "./json-outline.ts";

const long = 'a "quoted" {[,:]} \\ é\u2028 '.repeat(2000);

/** What an outline says is where, as a tree of texts. */
function said(text: string, { isList, parts }: Outline): unknown {
  const values = parts.map(({ name, from, to, outline }) => {
    const part = text.slice(from, to);
    return [name, outline === undefined ? part : said(part, outline)] as const;
  });
  return isList ? values.map(([, value]) => value) : Object.fromEntries(values);
}

describe("the outline of a long text", () => {
  const env = JSON.stringify(
    Array.from({ length: 3000 }, (_, at) => ({ name: `n"${at}`, value: [",", at] })),
  );
  const rows: readonly (readonly [what: string, text: string, outline: unknown])[] = [
    ["few members", `{"a":1,"b\\"":${env}}`, { a: "1", 'b"': env }],
    ["a list", `[{"a":${env}},null]`, [{ a: env }, "null"]],
    ["many elements", env, undefined],
    ["many members", `{${Array.from({ length: 65 }, (_, at) => `"${at}":${env}`).join()}}`, undefined],
    ["nothing long", `{"a":"${"x".repeat(9_000)}","b":"${"x".repeat(9_000)}"}`, undefined],
    [
      "a great depth",
      `${'{"a":'.repeat(20)}${env}${"}".repeat(20)}`,
      deep(16, `{"a":${'{"a":'.repeat(3)}${env}}}}}`),
    ],
    ["spaces", `{ "a":${env}}`, undefined],
    ["spaces within", `{"a": ${env}}`, { a: ` ${env}` }],
    ["more after it", `{"a":${env}}{}`, undefined],
    ["no end", `{"a":${env}`, undefined],
    ["no value", `{"a":,"b":${env}}`, undefined],
    ["no quote", `{a:${env}}`, undefined],
    ["one long string", JSON.stringify(long), undefined],
  ];
  for (const [what, text, expected] of rows) {
    it(`of ${what}`, () => {
      const outline = outlineOf(text);
      assert.deepEqual(outline && said(text, outline), expected);
    });
  }

  function deep(depth: number, text: string): unknown {
    return depth === 0 ? text : { a: deep(depth - 1, text) };
  }

  it("is of what JSON.stringify writes, whatever that is", () => {
    const random = new SeededRandom(7);
    const below = (end: number): number => Math.floor(random.next() * end);
    const strings = ["", "\\", '"', '\\"', "{", "]", ",", ":", "é\u2028", "x".repeat(17_000)];
    const value = (depth: number): unknown => {
      const sort = below(depth > 4 ? 3 : 5);
      if (sort === 0) return below(1000);
      if (sort === 1) return [null, true, false][below(3)];
      if (sort === 2) return strings[below(strings.length)];
      const values = Array.from({ length: below(5) }, () => value(depth + 1));
      if (sort === 3) return values;
      return Object.fromEntries(values.map((one, at) => [`${strings[at]}${at}`, one]));
    };
    let found = 0;
    for (let round = 0; round < 300; round++) {
      const made = { a: value(0), b: value(0), long };
      const text = JSON.stringify(made);
      const outline = outlineOf(text) as Outline;
      assert.deepEqual(values(said(text, outline)), made);
      found += outline.parts.filter(({ outline: inner }) => inner !== undefined).length;
    }
    assert.ok(found > 20, `${found} outlines within outlines`);
  });

  function values(tree: unknown): unknown {
    if (typeof tree === "string") return JSON.parse(tree);
    if (Array.isArray(tree)) return tree.map(values);
    return Object.fromEntries(Object.entries(tree as object).map(([name, one]) => [name, values(one)]));
  }
});

it("members and elements are what JSON.stringify has written", () => {
  for (const list of [[], [1], ["a,]", { b: [1, { c: "}" }] }, null], [[], [[2]]]]) {
    const texts = list.map((one) => JSON.stringify(one));
    assert.deepEqual(elementsOf(JSON.stringify(list)), texts);
    const text = JSON.stringify({ ...list });
    const members = membersOf(text)?.map(({ name, from, to }) => [name, text.slice(from, to)]);
    assert.deepEqual(
      members,
      texts.map((one, at) => [`${at}`, one]),
    );
  }
  for (const wrong of ["", "[1]", '{ "a":1}', '{"a":1}{}', '{"a":{"b":1}', '{"a":}'])
    assert.equal(membersOf(wrong), undefined, wrong);
});
