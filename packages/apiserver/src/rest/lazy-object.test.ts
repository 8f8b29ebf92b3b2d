import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { keepsIntegers } from "@selvedge/base";
import { type Outline, outlineOf } from "./json-outline.ts";
import {
  assignMembers,
  cloneObject,
  cutObject,
  freezeLazy,
  holdingLazy,
  isLong,
  jsonOf,
  lazyObject,
  saidObject,
  withMembers,
} from "./lazy-object.ts";

const kind = { keepsIntegers };
const long = 'a "quoted" {[,:]} \\ é\u2028 '.repeat(2000);
const said = {
  ...{ apiVersion: "v1", kind: "Thing" },
  metadata: { name: "one", annotations: { long }, managedFields: [{ fieldsV1: { long } }] },
  spec: { items: Array.from({ length: 3000 }, (_, at) => ({ name: `n${at}`, "a:b,{": [at, null, ""] })) },
  status: { short: true, large: 9007199254740993n },
};
const text = JSON.stringify(said);
const object = (shows?: (object: KubeObject) => KubeObject): KubeObject =>
  lazyObject(kind, text, outlineOf(text) as Outline, shows);

/** What of it has been read so far. */
function readIn(value: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([name, { get }]) =>
    get === undefined ? [name] : [],
  );
}

describe("a long object", () => {
  it("is put as it is into what is said about it", () => {
    const made = object();
    const asked = holdingLazy({ uid: "u", object: made, old: null, none: undefined });
    const about = holdingLazy({ kind: "Review", asked, rows: holdingLazy([made, undefined, 1]) });
    const whole = { kind: "Review", asked: { uid: "u", object: said, old: null }, rows: [said, null, 1] };
    assert.ok(jsonOf(about) === JSON.stringify(whole));
    assert.deepEqual(readIn(made), ["apiVersion", "kind", "metadata", "status"]);
  });

  it("is read member by member, and is what its text says", () => {
    const made = object();
    assert.deepEqual(readIn(made), ["apiVersion", "kind", "metadata", "status"]);
    assert.deepEqual(readIn(made.metadata), ["name"]);
    assert.deepEqual(made, said);
    assert.deepEqual(saidObject(kind, cutObject(said)), said);
  });

  it("is written as it was, with what has changed", () => {
    const made = object();
    assert.equal(jsonOf(made), text);
    made.metadata.labels = { a: "b" };
    (made["spec"] as { items: unknown[] }).items.length = 1;
    delete made.metadata.managedFields;
    made.metadata.annotations = {};
    const [first] = said.spec.items;
    const metadata = { name: "one", annotations: {}, labels: { a: "b" } };
    assert.equal(jsonOf(made), JSON.stringify({ ...said, metadata, spec: { items: [first] } }));
    assert.equal(jsonOf(made), JSON.stringify(made));
  });

  it("is copied unread, and each copy is another", () => {
    const made = object();
    const copies = [cloneObject(made), withMembers(made, { more: 1 }), assignMembers({} as KubeObject, made)];
    for (const copy of copies) assert.ok(!readIn(copy).includes("spec"));
    assert.deepEqual(copies[1], { ...said, more: 1 });
    assert.notEqual(copies[0]?.metadata, made.metadata);
    for (const copy of copies) (copy["spec"] as { items: unknown[] }).items.length = 0;
    assert.deepEqual(made, said);
    const read = cloneObject(made);
    (read["spec"] as { items: unknown[] }).items.length = 0;
    assert.deepEqual(made, said);
  });

  it("can be frozen unread, and what is read then is frozen", () => {
    const frozen = object();
    freezeLazy(frozen);
    assert.ok(!readIn(frozen).includes("spec"));
    assert.deepEqual(frozen, said);
    for (const part of [
      frozen,
      frozen.metadata,
      frozen.metadata.annotations,
      frozen["spec"],
      frozen["status"],
    ])
      assert.ok(Object.isFrozen(part));
    assert.ok(Object.isFrozen((frozen["spec"] as { items: unknown[] }).items[5]));
    assert.throws(() => Object.assign(frozen, { spec: 1 }), TypeError);
  });

  it("is shown member by member as it would be as a whole", () => {
    const shows = (shown: KubeObject): KubeObject => {
      const { items, more = 1 } = (shown["spec"] ?? {}) as { items?: unknown[]; more?: number };
      delete shown["status"];
      return { ...shown, spec: { items: items?.slice(0, 2), more } };
    };
    const made = object(shows);
    assert.ok(!readIn(made).includes("spec"));
    assert.deepEqual(made, shows(structuredClone(said)));
    assert.equal(jsonOf(object(shows)), JSON.stringify(shows(structuredClone(said))));
  });

  describe("of few members in turn", () => {
    type Deep = KubeObject & { spec: { size: number; pods: { name: string; env: { name: string }[] }[] } };
    const env = Array.from({ length: 3000 }, (_, at) => ({ name: `n${at}`, value: "," }));
    const deep = {
      ...said,
      spec: {
        size: 1,
        pods: [
          { name: "a", env },
          { name: "b", env: [] },
        ],
      },
    };
    const deepText = JSON.stringify(deep);
    const cut = (): Deep => lazyObject(kind, deepText, outlineOf(deepText) as Outline) as Deep;

    it("has what nobody asks for as text", () => {
      const made = cut();
      const [pod] = made.spec.pods as [Deep["spec"]["pods"][0]];
      assert.deepEqual([pod.name, readIn(pod), readIn(made.spec)], ["a", ["name"], ["size"]]);
      assert.ok(isLong(made.spec));
      made.spec.size = 2;
      assert.equal(jsonOf(made), JSON.stringify({ ...deep, spec: { ...deep.spec, size: 2 } }));
      const copy = cloneObject(made.spec);
      assert.ok(isLong(copy) && Array.isArray(copy.pods));
      copy.pods[0]?.env.splice(1);
      assert.deepEqual([isLong(copy), copy.pods[0]?.env.length, pod.env.length], [false, 1, 3000]);
    });

    it("has its text still when what is read is frozen, which nobody changes", () => {
      const [frozen, made] = [cut(), cut()];
      freezeLazy(frozen);
      for (const one of [frozen, made]) assert.deepEqual(one, deep);
      assert.deepEqual([isLong(frozen.spec), isLong(made.spec)], [true, false]);
      assert.ok(Object.isFrozen(frozen.spec.pods[0]?.env[5]));
    });

    it("is read as a whole where it has many", () => {
      const many = { ...said, spec: { pods: Array.from({ length: 65 }, () => deep.spec.pods[1]), long } };
      const text = JSON.stringify({
        ...many,
        more: { ...Object.fromEntries(env.map(({ name }) => [name, long])) },
      });
      const made = lazyObject(kind, text, outlineOf(text) as Outline) as unknown as {
        more: object;
        spec: object;
      };
      assert.deepEqual([readIn(made.more).length, readIn(made.spec)], [env.length, ["pods"]]);
    });
  });

  it("may have a member of any name", () => {
    const odd = `{"__proto__":{"a":1},"metadata":[1],"a\\"b":"\\\\","":{},"long":${JSON.stringify(long)}}`;
    assert.equal(jsonOf(lazyObject(kind, odd, outlineOf(odd) as Outline)), odd);
  });
});
