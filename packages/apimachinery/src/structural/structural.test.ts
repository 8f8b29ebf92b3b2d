import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtobufMessage } from "../kind-definition.ts";
import type { Schema } from "../schema.ts";
import { applySchemaDefaults } from "./default.ts";
import { dropNulls } from "./drop-nulls.ts";
import { omitEmpty } from "./omit-empty.ts";
import { prune } from "./prune.ts";
import { fitsTypes, validateSchema } from "./validate.ts";

const schema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["image"],
      properties: {
        image: { type: "string", minLength: 1, maxLength: 10, pattern: "^[a-z]+$" },
        port: { "x-kubernetes-int-or-string": true },
        replicas: { type: "integer", format: "int32", minimum: 0, maximum: 5, default: 1 },
        mode: { type: "string", enum: ["A", "B"] },
        memory: { type: "string", format: "quantity" },
        maybe: { type: "string", nullable: true },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        labels: { type: "object", additionalProperties: { type: "string" }, maxProperties: 1 },
        items: {
          type: "array",
          maxItems: 2,
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name", "protocol"],
          items: {
            type: "object",
            properties: { name: { type: "string" }, protocol: { type: "string", default: "TCP" } },
          },
        },
        nested: { type: "object", default: {}, properties: { deep: { type: "integer", default: 7 } } },
        either: {
          oneOf: [{ required: ["a"] }, { required: ["b"] }],
          "x-kubernetes-preserve-unknown-fields": true,
        },
      },
    },
  },
};

describe("prune", () => {
  it("leaves what every object has, whatever the schema says of it", () => {
    const meta: Schema = { type: "object" };
    const whole: Schema = {
      type: "object",
      properties: {
        metadata: meta,
        inner: { type: "object", "x-kubernetes-embedded-resource": true, properties: { metadata: meta } },
      },
    };
    const one = { metadata: { name: "a" }, inner: { kind: "B", metadata: { name: "b" }, other: 1 } };
    assert.deepEqual(prune(whole, one), ["inner.other"]);
    assert.deepEqual(one, { metadata: { name: "a" }, inner: { kind: "B", metadata: { name: "b" } } });
  });

  it("removes what the schema does not know and says where", () => {
    const object = {
      apiVersion: "v1",
      kind: "X",
      metadata: { name: "a" },
      spec: {
        image: "a",
        imgae: 1,
        items: [{ name: "x", extra: true }],
        free: { any: 1 },
        labels: { any: "x" },
      },
      other: 1,
    };
    assert.deepEqual(prune(schema, object), ["spec.imgae", "spec.items[0].extra", "other"]);
    assert.deepEqual(object.spec, {
      image: "a",
      items: [{ name: "x" }],
      free: { any: 1 },
      labels: { any: "x" },
    } as never);
    assert.equal(object.kind, "X");
  });
});

describe("applySchemaDefaults", () => {
  it("fills in from the outside in, and not what was said", () => {
    const object = { spec: { image: "a", replicas: 0, items: [{ name: "x" }] } };
    applySchemaDefaults(schema, object);
    assert.deepEqual(object.spec, {
      ...{ image: "a", replicas: 0, items: [{ name: "x", protocol: "TCP" }] },
      nested: { deep: 7 },
    } as never);
  });

  it("takes null for absent where it is not allowed", () => {
    const object = { spec: { image: "a", replicas: null, maybe: null } };
    applySchemaDefaults(schema, object);
    assert.equal(object.spec.replicas, 1);
    assert.equal(object.spec.maybe, null);
  });

  it("gives every object defaults of its own", () => {
    const [one, two] = [{ spec: { image: "a" } }, { spec: { image: "a" } }] as Record<
      string,
      Record<string, unknown>
    >[];
    applySchemaDefaults(schema, one as never);
    applySchemaDefaults(schema, two as never);
    assert.notEqual(one?.["spec"]?.["nested"], two?.["spec"]?.["nested"]);
  });
});

describe("dropNulls", () => {
  it("takes out what the schema does not allow to be null, and nothing else", () => {
    const object = {
      spec: { image: null, maybe: null, items: [{ name: null }], free: { any: null }, port: null },
    };
    dropNulls(schema, object);
    assert.deepEqual(object, { spec: { maybe: null, items: [{}], free: { any: null } } });
  });
});

describe("omitEmpty", () => {
  const text: Schema = { type: "string" };
  const number: Schema = { type: "integer" };
  const inner: Schema = { type: "object", required: ["key"], properties: { key: text, port: number } };
  const message: ProtobufMessage = {
    1: { name: "data", type: "map", values: "string" },
    2: { name: "limits", type: "map", values: "quantity" },
    3: { name: "words", type: "string", repeated: true },
    4: { name: "rules", type: "string", repeated: true },
    5: { name: "source", type: "message", pointer: true, message: () => message },
    6: { name: "name", type: "string" },
    7: { name: "replicas", type: "int32", pointer: true },
    8: { name: "on", type: "bool" },
    9: { name: "shown", type: "int32", needed: true },
    10: { name: "weight", type: "int32" },
    11: {
      ...{ name: "items", type: "message", repeated: true },
      message: { 1: { name: "key", type: "string" }, 2: { name: "port", type: "int32" } },
    },
    12: { name: "free", type: "raw-extension" },
    13: { name: "grace", type: "int64" },
  };
  const held: { -readonly [Key in keyof Schema]: Schema[Key] } = { type: "object", required: ["rules"] };
  held.properties = {
    data: { type: "object", additionalProperties: text },
    limits: { type: "object", additionalProperties: { format: "quantity" } },
    words: { type: "array", items: text },
    rules: { type: "array", items: text },
    source: held,
    name: text,
    replicas: number,
    on: { type: "boolean" },
    shown: number,
    weight: { ...number, default: 0 },
    items: { type: "array", items: inner },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    grace: { ...number, default: 5 },
  };
  for (const [what, object, left] of [
    [
      "nulls among texts and amounts",
      { data: { a: null }, limits: { cpu: null } },
      { data: { a: "" }, limits: { cpu: "0" } },
    ],
    ["nulls in a list", { words: ["a", null], items: [null] }, { words: ["a", ""], items: [{}] }],
    ["empty lists and maps", { data: {}, words: [], limits: null }, {}],
    ["what says something though it is empty", { rules: [], source: {} }, { rules: [], source: {} }],
    [
      "zeros that nobody had to say",
      { name: "", on: false, source: { name: "", on: true } },
      { source: { on: true } },
    ],
    ["zeros of pointers", { replicas: 0 }, { replicas: 0 }],
    ["zeros that are always shown", { shown: 0, weight: 0 }, { shown: 0, weight: 0 }],
    ["a zero where another value is the default", { grace: 0 }, {}],
    ["zeros in lists and maps", { words: [""], data: { a: "" } }, { words: [""], data: { a: "" } }],
    ["zeros of items", { items: [{ key: "", port: 0 }] }, { items: [{ key: "" }] }],
    ["zeros of what has no schema", { free: { a: 0, b: null, c: [] } }, { free: { a: 0, b: null, c: [] } }],
    ["what is no zero of its type", { name: 0, on: "" }, { name: 0, on: "" }],
    ["what is empty and of another sort", { data: [], words: {} }, { data: [], words: {} }],
  ] as const) {
    it(`reads as Go's structs do ${what}`, () => {
      const read = structuredClone(object) as never;
      omitEmpty(held, message, read);
      assert.deepEqual(read, left);
    });
  }

  it("does not look into what was settled before", () => {
    const source = { name: "" };
    omitEmpty(held, message, { source }, { source });
    assert.deepEqual(source, { name: "" });
  });
});

describe("validateSchema", () => {
  for (const [what, spec, errors] of [
    ["right", { image: "abc", port: "http", replicas: 5, memory: "1Gi", maybe: null }, []],
    ["nothing", undefined, ["FieldValueRequired spec"]],
    ["a missing member", {}, ["FieldValueRequired spec.image"]],
    ["a wrong type", { image: 5 }, ["FieldValueTypeInvalid spec.image"]],
    ["a null", { image: null }, ["FieldValueTypeInvalid spec.image"]],
    ["a fraction", { image: "a", replicas: 1.5 }, ["FieldValueTypeInvalid spec.replicas"]],
    ["a text too long", { image: "abcdefghijk" }, ["FieldValueTooLong spec.image"]],
    ["a pattern missed", { image: "A" }, ["FieldValueInvalid spec.image"]],
    ["a number too large", { image: "a", replicas: 6 }, ["FieldValueInvalid spec.replicas"]],
    ["a choice nobody offers", { image: "a", mode: "C" }, ["FieldValueNotSupported spec.mode"]],
    ["no quantity", { image: "a", memory: "lots" }, ["FieldValueInvalid spec.memory"]],
    ["no int-or-string", { image: "a", port: true }, ["FieldValueTypeInvalid spec.port"]],
    ["too many members", { image: "a", labels: { a: "", b: "" } }, ["FieldValueTooMany spec.labels"]],
    [
      "an item twice, by its default key",
      { image: "a", items: [{ name: "x" }, { name: "x", protocol: "TCP" }] },
      ["FieldValueDuplicate spec.items[1]"],
    ],
    [
      "too many items",
      { image: "a", items: [{ name: "x" }, { name: "y" }, { name: "z" }] },
      ["FieldValueTooMany spec.items"],
    ],
    ["both of either", { image: "a", either: { a: 1, b: 1 } }, ["FieldValueInvalid spec.either"]],
    [
      "a label that needs brackets",
      { image: "a", labels: { "a.b/c": 1 } },
      ["FieldValueTypeInvalid spec.labels[a.b/c]"],
    ],
  ] as const) {
    it(`finds ${errors.length} in ${what}`, () => {
      assert.deepEqual(
        validateSchema(schema, { spec }).map(({ type, field }) => `${type} ${field}`),
        errors,
      );
    });
  }

  it("does not follow an object without end", () => {
    const recursive: { properties: Record<string, Schema> } = { properties: {} };
    recursive.properties["a"] = recursive;
    let value: unknown = {};
    for (let depth = 0; depth < 200; depth++) value = { a: value };
    assert.match(validateSchema(recursive, value)[0]?.detail ?? "", /nested more than 64/);
  });
});

describe("what an object shares with a settled one", () => {
  it("is not looked into again", () => {
    const spec = { image: "NOT", unknown: 1, maybe: null, port: null };
    const settled = { spec };
    const text = JSON.stringify(spec);
    assert.deepEqual(prune(schema, { spec }, settled), []);
    dropNulls(schema, { spec }, settled);
    applySchemaDefaults(schema, { spec }, settled);
    assert.deepEqual(validateSchema(schema, { spec }, settled), []);
    assert.equal(fitsTypes(schema, { spec }, settled), true);
    assert.equal(JSON.stringify(spec), text);
    assert.ok(validateSchema(schema, { spec: { ...spec } }, settled).length > 0);
  });
});

describe("fitsTypes", () => {
  for (const [value, fits] of [
    [{ spec: { image: "a", replicas: 9 } }, true],
    [{ spec: { image: 1 } }, false],
    [{ spec: { image: "a", maybe: null } }, true],
    [{ spec: { image: null } }, false],
    [{ spec: { items: [{ name: "x" }, { name: 1 }] } }, false],
    [{ spec: { labels: { any: true } } }, false],
    [{ other: 1 }, true],
  ] as const) {
    it(`says ${fits} of ${JSON.stringify(value)}, as validation has it`, () => {
      assert.equal(fitsTypes(schema, value), fits);
      const faults = validateSchema(schema, value).filter(({ type }) => type === "FieldValueTypeInvalid");
      assert.equal(faults.length === 0, fits);
    });
  }
});
