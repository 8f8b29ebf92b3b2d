import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { instant, SystemClock } from "@selvedge/base";
import { allKinds } from "@selvedge/kinds";
import { EvaluationThreads } from "../evaluation/evaluation-threads.ts";
import { Evaluations } from "../evaluation/evaluations.ts";
import { type AnswerForm, inForm } from "./answer-forms.ts";
import { cutObject, jsonOf, saidObject } from "./lazy-object.ts";
import { LongAnswers } from "./long-answers.ts";
import { Stored } from "./stored.ts";
import { type IncludeObject, partial, tableOf } from "./table.ts";

const clock = new SystemClock();
const threads = new EvaluationThreads({ clock });
const evaluations = new Evaluations({ clock, threads });
after(() => evaluations[Symbol.asyncDispose]());
const module = import.meta.resolve("@selvedge/kinds");
const answers = new LongAnswers(evaluations, ({ group, version, plural }) => ({
  ...{ group, version, plural, module },
}));
const maps = allKinds.find(({ kind }) => kind === "ConfigMap") as KindDefinition;

const data = Object.fromEntries(
  Array.from({ length: 6000 }, (_, at) => [`key-${at}`, `a value: ${at}\nof ü`]),
);
const labels = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`label-${at}`, "of some length"]));
const metadata = { name: "one", namespace: "a", creationTimestamp: "1970-01-01T00:00:00Z", labels };
const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
const json = JSON.stringify(object);
const bytes = (made: string | Uint8Array): Buffer => Buffer.from(made as string);

describe("of a long object a thread makes the same", () => {
  const forms: readonly (readonly [AnswerForm, string])[] = [
    ["yaml", json],
    ["yamlItems", `[${json},{"a":""}]`],
    ["indented", json],
    ["protobuf", json],
    ["protobufObject", json],
    ["protobufItem", json],
  ];
  for (const [form, text] of forms) {
    it(form, async () => {
      const made = answers.form(text, form, maps);
      assert.ok(made instanceof Promise, "it was made at once");
      assert.deepEqual(bytes(await made), bytes(inForm(text, form, maps)));
    });
  }

  for (const include of ["None", "Metadata", "Object"] as const satisfies readonly IncludeObject[]) {
    it(`table with ${include}`, async () => {
      const now = instant(90_000);
      const stored = new Stored({ key: "one", revision: 7, value: json }, maps);
      const looking = answers.look(stored, maps, now);
      assert.ok(looking !== undefined, "nobody looked for it");
      await looking;
      assert.equal(answers.look(stored, maps, instant(90_500)), looking);
      const plain: KubeObject = { ...object, metadata: { ...metadata, resourceVersion: "7" } };
      const table = jsonOf(tableOf(maps, [stored.object], {}, now, include));
      assert.equal(table, JSON.stringify(tableOf(maps, [plain], {}, now, include)));
      assert.equal(typeof Object.getOwnPropertyDescriptor(stored.object, "data")?.get, "function");
    });
  }
});

it("what is short is made at once, and so is what no thread can have", () => {
  const short = JSON.stringify({ ...object, metadata: { name: "one" }, data: {} });
  assert.equal(answers.form(short, "indented"), inForm(short, "indented"));
  const without = new LongAnswers(evaluations, () => undefined);
  assert.deepEqual(without.form(json, "protobufItem", maps), inForm(json, "protobufItem", maps));
  assert.equal(
    without.look(new Stored({ key: "a", revision: 1, value: json }, maps), maps, instant(0)),
    undefined,
  );
});

it("what waits for a thread that is lost is made here", async () => {
  await using dead = new Evaluations({ clock });
  await dead[Symbol.asyncDispose]();
  const lost = new LongAnswers(dead, () => ({ group: "", version: "v1", plural: "configmaps", module }));
  assert.equal(await lost.form(json, "yaml"), inForm(json, "yaml"));
  const stored = new Stored({ key: "one", revision: 7, value: json }, maps);
  await lost.look(stored, maps, instant(0));
  const table = jsonOf(tableOf(maps, [stored.object], {}, instant(0), "None"));
  assert.equal(table, JSON.stringify(tableOf(maps, [object], {}, instant(0), "None")));
});

it("metadata alone is put in as the text it is", () => {
  const said = saidObject(maps, cutObject(object));
  assert.equal(jsonOf(partial(said)), JSON.stringify(partial(object)));
  const { labels: unread } = Object.getOwnPropertyDescriptors(said.metadata);
  assert.equal(typeof unread?.get, "function");
});
