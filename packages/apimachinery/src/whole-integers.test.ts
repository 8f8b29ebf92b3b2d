/** Integers that no number holds, wherever the rules for objects meet them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalJson, cloneJson, jsonEqual } from "@selvedge/base";
import { ruleFaults } from "./cel/rules.ts";
import { readAs } from "./codec/read-as.ts";
import { goSyntax, goText, goType } from "./go-text.ts";
import type { KindDefinition } from "./kind-definition.ts";
import type { KubeObject } from "./object.ts";
import { jsonPatch } from "./patch/json-patch.ts";
import { mergePatch } from "./patch/merge-patch.ts";
import type { Schema } from "./schema.ts";
import { applyObject } from "./ssa/managed-fields.ts";
import { applySchemaDefaults } from "./structural/default.ts";
import { validateChange } from "./structural/validate.ts";

const odd = 9007199254740993n;
const least = -9223372036854775808n;
const most = 9223372036854775807n;

describe("integers of 64 bits", () => {
  it("are written as digits, and compared as what they are", () => {
    const value = { b: [odd, least], a: most };
    assert.equal(
      JSON.stringify(value),
      '{"b":[9007199254740993,-9223372036854775808],"a":9223372036854775807}',
    );
    assert.equal(
      canonicalJson(value),
      '{"a":9223372036854775807,"b":[9007199254740993,-9223372036854775808]}',
    );
    assert.equal(JSON.stringify([1n], undefined, 1), "[\n 1\n]");
    assert.ok(jsonEqual(value, cloneJson(value)));
    assert.ok(!jsonEqual({ a: odd }, { a: odd + 1n }));
    assert.deepEqual(
      [goText([odd]), goSyntax({ n: odd }), goType(odd)],
      ["[9007199254740993]", 'map[string]interface {}{"n":9007199254740993}', "int64"],
    );
  });

  it("have one form for which alone JSON.stringify is told", () => {
    assert.throws(() => Object.assign(BigInt.prototype, { toJSON: () => "text" }), TypeError);
    assert.deepEqual(Object.keys(BigInt.prototype), []);
  });

  const kept = { keepsIntegers: (member: string) => member !== "minimum" };
  const texts: readonly (readonly [
    kind: Pick<KindDefinition, "keepsIntegers">,
    text: string,
    value: unknown,
  ])[] = [
    [kept, '{"n":9007199254740993,"minimum":9007199254740993}', { n: odd, minimum: 2 ** 53 }],
    [
      kept,
      '{"n":"9007199254740993","m":[1,-0,1.5,9007199254740991]}',
      { n: `${odd}`, m: [1, -0, 1.5, 2 ** 53 - 1] },
    ],
    [kept, `{"n" : [\n9007199254740993,${least}]}`, { n: [odd, least] }],
    [{}, '{"n":9007199254740993}', { n: 2 ** 53 }],
  ];
  for (const [kind, text, value] of texts)
    it(`are read as the kind has them: ${text}`, () => assert.deepEqual(readAs(kind, text), value));
});

const type = "integer";
const checked: readonly (readonly [schema: Schema, value: unknown, fault: RegExp | undefined])[] = [
  [{ type }, odd, undefined],
  [{ type, format: "int64" }, least, undefined],
  [{ type: "number" }, odd, undefined],
  [{ "x-kubernetes-int-or-string": true }, odd, undefined],
  [{ type: "string" }, odd, /must be of type string: "integer"/],
  [{ type: "boolean" }, odd, /must be of type boolean: "integer"/],
  [{ type, format: "int32" }, odd, /must fit int32/],
  [{ type, minimum: 2 ** 53 }, odd, undefined],
  [{ type, minimum: 2 ** 53, exclusiveMinimum: true }, 2n ** 53n, /should be greater than 9007199254740992/],
  [{ type, maximum: 2 ** 53 }, odd, /should be less than or equal to 9007199254740992/],
  [{ type, minimum: 0 }, least, /should be greater than or equal to 0/],
  [{ type, multipleOf: 3 }, 9007199254740993n, undefined],
  [{ type, multipleOf: 2 }, odd, /should be a multiple of 2/],
  [{ type, enum: [odd, 1] }, odd, undefined],
  [{ type, enum: [odd, 1] }, odd - 1n, /supported values: "9007199254740993", "1"/],
  [{ type: "array", items: { type }, "x-kubernetes-list-type": "set" }, [odd, odd - 1n], undefined],
  [{ type: "array", items: { type }, "x-kubernetes-list-type": "set" }, [odd, odd], /^$/],
];

describe("a schema holds integers of 64 bits", () => {
  for (const [schema, value, fault] of checked)
    it(`${JSON.stringify(schema)} ${JSON.stringify(value)}`, () => {
      const [error] = validateChange({ type: "object", properties: { n: schema } }, { n: value }, undefined);
      if (fault === undefined) assert.equal(error, undefined);
      else assert.match(error?.detail ?? "none", fault);
    });

  it("in its defaults", () => {
    const object = {};
    applySchemaDefaults({ properties: { n: { type, default: odd } } }, object);
    assert.deepEqual(object, { n: odd });
  });
});

const spec: Schema = {
  type: "object",
  properties: {
    n: { type },
    f: { type: "number" },
    any: { "x-kubernetes-int-or-string": true },
    s: { type: "string" },
  },
};
const ruled: readonly (readonly [rule: string, spec: object, fault?: RegExp])[] = [
  ["self.n > 9007199254740992", { n: odd }],
  ["self.n == 9007199254740993 && self.n != 9007199254740992", { n: odd }],
  ["self.n - 1 == 9007199254740992", { n: odd }],
  ["self.n + 1 > self.n", { n: most }, /integer overflow/],
  ["-self.n > 0", { n: least }, /integer overflow/],
  ["string(self.n) == self.s", { n: odd, s: "9007199254740993" }],
  ["type(self.f) == double && self.f == 9007199254740992.0", { f: odd }],
  ["type(self.any) == int && self.any > 9007199254740992", { any: odd }],
  ["self.n == oldSelf.n", { n: odd }, /failed rule/],
];

describe("rules reckon with 64 bits:", () => {
  for (const [rule, value, fault] of ruled)
    it(rule, () => {
      const schema = { ...spec, "x-kubernetes-validations": [{ rule }] } as Schema;
      const [error] = ruleFaults(schema, value, rule.includes("oldSelf") ? { n: odd - 1n } : undefined);
      if (fault === undefined) assert.equal(error, undefined);
      else assert.match(error?.detail ?? "none", fault);
    });
});

describe("patches", () => {
  it("bring integers of 64 bits, and tell them apart", () => {
    assert.deepEqual(mergePatch({ n: 1, m: odd }, { n: least }), { n: least, m: odd });
    const add = { op: "replace", path: "/n", value: least } as const;
    assert.deepEqual(jsonPatch({ n: odd }, [{ op: "test", path: "/n", value: odd }, add]), { n: least });
    const other = { op: "test", path: "/n", value: odd - 1n } as const;
    assert.throws(() => jsonPatch({ n: odd }, [other, add]), /testing value \/n failed/);
  });
});

const widget: KindDefinition = {
  ...{ group: "lab.test", version: "v1", kind: "Widget", plural: "widgets", singular: "widget" },
  ...{ namespaced: false, custom: true, columns: [], keepsIntegers: () => true },
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          n: { type },
          ids: { type: "array", items: { type }, "x-kubernetes-list-type": "set" },
          parts: {
            type: "array",
            items: { type: "object", required: ["id"], properties: { id: { type }, a: { type } } },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
          },
        },
      },
    },
  },
};

describe("apply", () => {
  const object = (content: object): KubeObject => ({
    ...{ apiVersion: "lab.test/v1", kind: "Widget", metadata: { name: "w" }, spec: content },
  });
  const apply = (live: KubeObject | undefined, content: object, manager: string): KubeObject =>
    applyObject({
      kind: widget,
      live,
      object: object(content),
      manager,
      force: false,
      time: "2026-01-01T00:00:00Z",
    });
  const said = {
    n: odd,
    ids: [odd, odd - 1n],
    parts: [
      { id: odd, a: 1 },
      { id: odd - 1n, a: 2 },
    ],
  };

  it("knows items by all digits of their keys", () => {
    const first = apply(undefined, said, "a");
    const [entry] = first.metadata.managedFields ?? [];
    assert.deepEqual(entry?.fieldsV1?.["f:spec"], {
      "f:n": {},
      "f:ids": { "v:9007199254740992": {}, "v:9007199254740993": {} },
      "f:parts": {
        'k:{"id":9007199254740992}': { ".": {}, "f:a": {}, "f:id": {} },
        'k:{"id":9007199254740993}': { ".": {}, "f:a": {}, "f:id": {} },
      },
    });
    assert.deepEqual(apply(first, said, "a"), first);
    const less = apply(first, { ...said, ids: [odd], parts: [{ id: odd, a: 1 }] }, "a");
    assert.deepEqual(less["spec"], { n: odd, ids: [odd], parts: [{ id: odd, a: 1 }] });
  });

  it("meets a conflict where one digit differs, and none where none does", () => {
    const first = apply(undefined, said, "a");
    assert.doesNotThrow(() => apply(first, { n: odd }, "b"));
    assert.throws(() => apply(first, { n: odd - 1n }, "b"), /conflict/);
    assert.throws(() => apply(first, { parts: [{ id: odd, a: 3 }] }, "b"), /conflict/);
    assert.doesNotThrow(() => apply(first, { parts: [{ id: odd + 2n, a: 3 }] }, "b"));
  });

  it("takes what client-side apply said last", () => {
    const last = (content: object): KubeObject => {
      const live = object(said);
      const annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(object(content)),
      };
      const fieldsV1 = { "f:spec": { "f:n": {} } };
      const managedFields = [
        { manager: "x", operation: "Update", apiVersion: "lab.test/v1", fieldsType: "FieldsV1", fieldsV1 },
      ];
      return { ...live, metadata: { ...live.metadata, annotations, managedFields } } as KubeObject;
    };
    assert.doesNotThrow(() => apply(last({ n: odd }), { n: 5 }, "kubectl"));
    assert.throws(() => apply(last({ n: odd - 1n }), { n: 5 }, "kubectl"), /conflict/);
  });
});
