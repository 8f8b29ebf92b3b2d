import assert from "node:assert/strict";
import { after, test } from "node:test";
import { formatYaml } from "@selvedge/apimachinery";
import { SystemClock } from "@selvedge/base";
import { Evaluations } from "../evaluation/evaluations.ts";
import type { ListPiece } from "../rest/listing.ts";
import { LongAnswers } from "../rest/long-answers.ts";
import { Stored } from "../rest/stored.ts";
import { type ListForm, yamlOf } from "./list-stream.ts";

const form: ListForm = {
  head: () => '{"kind":"GadgetList","apiVersion":"lab.example/v1","items":[',
  items: (list) => list.map(({ json }) => json).join(","),
};
const texts = ["plain", "two\n\n  lines\n", " \n x", "a\u2028b\rc", "x: y", ""];
const page = (...names: string[]): Stored[] =>
  names.map((name, at) => {
    const value = JSON.stringify({ metadata: { name }, data: { texts, at, nothing: {}, none: [] } });
    return new Stored({ key: name, revision: at + 1, value }, {});
  });

const evaluations = new Evaluations({ clock: new SystemClock() });
after(() => evaluations[Symbol.asyncDispose]());
const answers = new LongAnswers(evaluations, () => undefined);
const many = page(...Array.from({ length: 60 }, (_, at) => `item-${at}`));
for (const pages of [
  [page(), page("a"), many],
  [page("a", "b"), page(), page("c")],
  [page(), page("a"), page("b")],
  [page(), page()],
])
  test(`YAML is the same in pieces of ${pages.map(({ length }) => length)} items`, async () => {
    const pieces = pages.map((items, at): ListPiece => {
      const end = at + 1 < pages.length ? undefined : { continue: "more", remaining: 3 };
      return { revision: 7, items, end };
    });
    async function* rest(): AsyncGenerator<ListPiece> {
      yield* pieces.slice(1);
    }
    const [first] = pieces as [ListPiece, ...ListPiece[]];
    const whole = {
      ...{ apiVersion: "lab.example/v1", kind: "GadgetList" },
      metadata: { resourceVersion: "7", continue: "more", remainingItemCount: 3 },
      items: pages.flat().map(({ object }) => object),
    };
    const parts = await Array.fromAsync(yamlOf(form, first, rest(), answers));
    const text = Buffer.concat(parts.map((part) => Buffer.from(part))).toString();
    assert.equal(text, formatYaml(whole));
  });

test("YAML of long items is made a few at a time", async () => {
  const items = Array.from({ length: 10 }, (_, at) => {
    const value = JSON.stringify({ metadata: { name: `item-${at}` }, data: { text: "x".repeat(50_000) } });
    return new Stored({ key: `${at}`, revision: at + 1, value }, {});
  });
  const end = { continue: undefined, remaining: undefined };
  const rest = (async function* (): AsyncGenerator<ListPiece> {
    yield { revision: 7, items: [], end };
  })();
  const parts = await Array.fromAsync(yamlOf(form, { revision: 7, items, end: undefined }, rest, answers));
  const lengths = parts.map(({ length }) => length);
  assert.ok(Math.max(...lengths) < 120_000, `${lengths}`);
  assert.ok(lengths.reduce((sum, length) => sum + length) > 500_000);
});
