import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition } from "../kind-definition.ts";
import type { KubeObject } from "../object.ts";
import { applyObject, describeManager, updateObject, withoutTimes } from "./managed-fields.ts";
import { ApplyConflictError } from "./updater.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, columns: [] },
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          size: { type: "integer" },
          words: { type: "array", items: { type: "string" } },
          marks: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
          open: { type: "boolean" },
          data: { type: "object", additionalProperties: { type: "string" } },
          parts: {
            type: "array",
            items: { type: "object", properties: { name: { type: "string" }, color: { type: "string" } } },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
          },
        },
      },
    },
  },
};

function gadget(spec: unknown, more: Partial<KubeObject["metadata"]> = {}): KubeObject {
  return { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name: "one", ...more }, spec };
}

const at = (second: number): string => `2026-01-01T00:00:${`${second}`.padStart(2, "0")}Z`;

function apply(
  live: KubeObject | undefined,
  manager: string,
  spec: unknown,
  second = 0,
  force = false,
): KubeObject {
  return applyObject({ kind, live, object: gadget(spec), manager, force, time: at(second) });
}

function update(live: KubeObject | undefined, manager: string, object: KubeObject, second = 0): KubeObject {
  return updateObject({ kind, live, object, manager, time: at(second) });
}

describe("managedFields", () => {
  it("say who set what, by keys of lists and without the server's own fields", () => {
    const made = update(
      undefined,
      "kubectl-create",
      gadget({ parts: [{ name: "a", color: "red" }], words: ["x"] }, { uid: "u" }),
    );
    assert.deepEqual(made.metadata.managedFields, [
      {
        manager: "kubectl-create",
        operation: "Update",
        apiVersion: "lab.example/v1",
        time: at(0),
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            ".": {},
            "f:parts": { ".": {}, 'k:{"name":"a"}': { ".": {}, "f:color": {}, "f:name": {} } },
            "f:words": {},
          },
        },
      },
    ]);
  });

  const made: readonly (readonly [what: string, object: KubeObject])[] = [
    ["nothing", gadget(undefined)],
    ["an empty spec", gadget({})],
    ["plain members", gadget({ size: 1, open: false, data: { b: "1", a: "2", __proto: "x" } })],
    [
      "lists and sets",
      gadget({ words: ["a", "a"], marks: ["x", "w"], parts: [{ name: "p", color: "red" }] }),
    ],
    ["items that are there twice", gadget({ marks: ["x", "x"], parts: [{ name: "p" }, { name: "p" }] })],
    ["empty wholes", gadget({ words: [], marks: [], parts: [], data: {} })],
    ["null", gadget({ size: null, data: { a: null } })],
    ["labels", gadget({ size: 1 }, { labels: { b: "1", a: "2" }, annotations: {}, finalizers: ["x/y"] })],
    [
      "labels alone",
      gadget(undefined, { labels: { a: "2" }, uid: "u", generation: 1, resourceVersion: "7" }),
    ],
  ];
  for (const [what, object] of made) {
    it(`of what is made say what a comparison with nothing says: ${what}`, () => {
      const write = { kind, live: undefined, manager: "maker", time: at(1) };
      const metadata = { ...object.metadata, managedFields: [{}] };
      const compared = updateObject({ ...write, object: { ...object, metadata } });
      // The order of fields counts.
      assert.equal(JSON.stringify(updateObject({ ...write, object })), JSON.stringify(compared));
    });
  }

  /** As upstream has it: the spec and the strategy are structs, and the list is shown when there is none. */
  const struct: KindDefinition = {
    ...{ ...kind, kind: "Struct", subresources: { status: true } },
    schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          required: ["parts"],
          properties: {
            size: { type: "integer" },
            count: { type: "integer", default: 0 },
            strategy: { type: "object", properties: { type: { type: "string" } } },
            source: { type: "object", properties: { name: { type: "string" } } },
            parts: kind.schema.properties?.["spec"]?.properties?.["parts"] ?? {},
          },
        },
        status: { type: "object", properties: { ready: { type: "boolean" } } },
      },
    },
    protobuf: {
      2: {
        ...{ name: "spec", type: "message" },
        message: {
          1: { name: "size", type: "int32", pointer: true },
          2: { name: "count", type: "int32" },
          3: { name: "strategy", type: "message", message: { 1: { name: "type", type: "string" } } },
          4: {
            name: "source",
            type: "message",
            pointer: true,
            message: { 1: { name: "name", type: "string" } },
          },
          5: {
            name: "parts",
            type: "message",
            repeated: true,
            message: { 1: { name: "name", type: "string" } },
          },
        },
      },
    },
  };
  const structs: readonly (readonly [what: string, spec: object, fields: object])[] = [
    ["structs are there before anything is said", { size: 0 }, { "f:size": {} }],
    ["what is shown as zero is nobody's", { size: 1, count: 0, strategy: {} }, { "f:size": {} }],
    [
      "members of structs",
      { count: 2, strategy: { type: "a" } },
      { "f:count": {}, "f:strategy": { "f:type": {} } },
    ],
    ["pointers are not", { source: { name: "a" } }, { "f:source": { ".": {}, "f:name": {} } }],
    [
      "a list that is shown as null",
      { parts: [{ name: "p" }] },
      { "f:parts": { 'k:{"name":"p"}': { ".": {}, "f:name": {} } } },
    ],
  ];
  for (const [what, spec, fields] of structs) {
    it(`of built-in kinds: ${what}`, () => {
      const object = { ...gadget(spec), status: { ready: true } };
      const write = { kind: struct, manager: "maker", time: at(1) };
      const fresh = updateObject({ ...write, live: undefined, object });
      const { spec: _none, ...bare } = gadget(undefined) as KubeObject & { spec: unknown };
      const live = { ...bare, status: { ready: true } };
      const changed = updateObject({ ...write, live, object });
      const all = { ...object, metadata: { ...object.metadata, managedFields: [{}] } };
      const closely = updateObject({ ...write, live: undefined, object: { ...all, status: undefined } });
      for (const one of [fresh, changed, closely])
        assert.deepEqual(one.metadata.managedFields?.[0]?.fieldsV1, { "f:spec": fields });
    });
  }

  it("take from a manager what another wrote, and keep its time when it changed nothing", () => {
    const made = update(undefined, "one", gadget({ size: 1, words: ["x"] }), 1);
    const changed = update(made, "two", { ...made, spec: { size: 2, words: ["x"] } }, 2);
    assert.deepEqual(
      changed.metadata.managedFields?.map(({ manager, time, fieldsV1 }) => [manager, time, fieldsV1]),
      [
        ["one", at(1), { "f:spec": { ".": {}, "f:words": {} } }],
        ["two", at(2), { "f:spec": { "f:size": {} } }],
      ],
    );
    const same = update(changed, "two", changed, 3);
    assert.deepEqual(same, changed);
  });

  it("remove what an applier no longer says, and refuse what others hold", () => {
    const first = apply(undefined, "one", { size: 1, parts: [{ name: "a" }, { name: "b" }] });
    const second = apply(first, "one", { parts: [{ name: "b" }] }, 1);
    assert.deepEqual(second["spec"], { parts: [{ name: "b" }] });
    const third = update(second, "two", { ...second, spec: { size: 7, parts: [{ name: "b" }] } }, 2);
    assert.throws(() => apply(third, "one", { size: 8, parts: [{ name: "b" }] }), ApplyConflictError);
    const forced = apply(third, "one", { size: 8, parts: [{ name: "b" }] }, 3, true);
    assert.deepEqual(
      forced.metadata.managedFields?.map(({ manager }) => manager),
      ["one"],
    );
  });

  it("begin anew with an empty list or entry, and stay when none are sent", () => {
    const made = update(undefined, "one", gadget({ size: 1 }));
    const { managedFields: _entries, ...metadata } = made.metadata;
    assert.deepEqual(
      update(made, "two", { ...made, metadata }).metadata.managedFields,
      made.metadata.managedFields,
    );
    for (const nothing of [[], [{}]]) {
      const reset = update(made, "two", { ...made, metadata: { ...metadata, managedFields: nothing } });
      assert.equal(reset.metadata.managedFields, undefined);
    }
    const said = { manager: "a", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" } as const;
    const kept = [{ ...said, fieldsV1: { "f:spec": {} } }];
    const taken = update(made, "two", { ...made, metadata: { ...metadata, managedFields: kept } });
    assert.deepEqual(taken.metadata.managedFields, kept);
    for (const odd of [
      { fieldsV1: { "f:a": 1 } },
      { fieldsV1: { zz: {} } },
      { operation: "Write" },
      { apiVersion: "" },
      { fieldsType: "FieldsV2" },
    ]) {
      const managedFields = [{ ...said, ...odd }] as NonNullable<KubeObject["metadata"]["managedFields"]>;
      const left = update(made, "two", { ...made, metadata: { ...metadata, managedFields } });
      assert.deepEqual(left.metadata.managedFields, made.metadata.managedFields);
    }
  });

  it("know members that every object inherits something of the same name as", () => {
    const data = JSON.parse('{"__proto__":"a","constructor":"b"}') as object;
    const one = apply(undefined, "one", { data });
    assert.deepEqual(one["spec"], { data });
    const two = apply(one, "two", { data: { toString: "c" } }, 1);
    assert.deepEqual(two["spec"], JSON.parse('{"data":{"__proto__":"a","constructor":"b","toString":"c"}}'));
    assert.deepEqual(apply(two, "one", {}, 2)["spec"], { data: { toString: "c" } });
  });

  const misfits: readonly (readonly [spec: unknown, said: string])[] = [
    [{ size: "x" }, ".spec.size: expected numeric (int or float), got string"],
    [{ open: "x" }, ".spec.open: expected boolean, got &{x}"],
    [
      { parts: [{ name: "a", color: 587 }] },
      '.spec.parts[name="a"].color: expected string, got &value.valueUnstructured{Value:587}',
    ],
    [
      { data: { a: ["b"] } },
      '.spec.data.a: expected string, got &value.valueUnstructured{Value:[]interface {}{"b"}}',
    ],
    [{ data: ["b"] }, ".spec.data: expected map, got &{[b]}"],
    [{ words: { a: 1 } }, ".spec.words: expected list, got &{map[a:1]}"],
    [{ words: ["a", true] }, ".spec.words[1]: expected string, got &value.valueUnstructured{Value:true}"],
    [{ parts: [{ name: "a" }, { name: "a" }] }, '.spec.parts: duplicate entries for key [name="a"]'],
    [{ marks: ["a", "a"] }, '.spec.marks: duplicate entries for key [="a"]'],
    [
      { parts: [{ color: "red" }] },
      '.spec.parts: element 0: associative list with keys has an element that omits key field "name" ' +
        "(and doesn't have default value)",
    ],
    [{ parts: [null] }, ".spec.parts: element 0: associative list with keys may not have a null element"],
    [
      { sise: 1, parts: [{ name: "a", colour: "red" }] },
      "errors:\n  .spec.sise: field not declared in schema\n" +
        '  .spec.parts[name="a"].colour: field not declared in schema',
    ],
  ];
  for (const [spec, said] of misfits)
    it(`are not made of what does not fit: ${JSON.stringify(spec)}`, () => {
      assert.throws(() => apply(undefined, "one", spec), { name: "ApplyTypeError", message: said });
    });

  it("let kubectl take over what client-side apply said, while it still is so", () => {
    const annotations = (spec: unknown): Partial<KubeObject["metadata"]> => ({
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(gadget(spec)) },
    });
    const csa = update(undefined, "kubectl-client-side-apply", gadget({ size: 1 }, annotations({ size: 1 })));
    const taken = apply(csa, "kubectl", { size: 2 }, 1);
    assert.deepEqual(taken["spec"], { size: 2 });
    const text = taken.metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"] ?? "";
    assert.deepEqual(JSON.parse(text).spec, { size: 2 });
    const moved = update(csa, "someone", { ...csa, spec: { size: 5 } });
    assert.throws(() => apply(moved, "kubectl", { size: 2 }), ApplyConflictError);
    assert.throws(() => apply(csa, "other", { size: 2 }), ApplyConflictError);
  });

  it("stay few: the oldest updaters become one", () => {
    let live = update(undefined, "m0", gadget({ parts: [] }));
    for (let n = 1; n <= 14; n++) {
      const parts = [...((live["spec"] as { parts: unknown[] }).parts ?? []), { name: `p${n}` }];
      live = update(live, `m${n}`, { ...live, spec: { parts } }, n);
    }
    const managers = live.metadata.managedFields?.map(({ manager }) => manager) ?? [];
    assert.equal(managers.length, 10);
    assert.ok(managers.includes("ancient-changes") && managers.includes("m14") && !managers.includes("m1"));
  });

  it("are compared without their times, and named as upstream names them", () => {
    const [one, two] = [update(undefined, "one", gadget({}), 1), update(undefined, "one", gadget({}), 2)];
    assert.deepEqual(withoutTimes(one), withoutTimes(two));
    const rows: readonly [entry: object, text: string][] = [
      [{ manager: "kubectl", operation: "Apply" }, '"kubectl"'],
      [{ manager: "a", operation: "Update", apiVersion: "v1" }, '"a" using v1'],
      [
        { manager: "a", operation: "Update", apiVersion: "v1", subresource: "status" },
        '"a" with subresource "status" using v1',
      ],
    ];
    for (const [entry, text] of rows) assert.equal(describeManager(JSON.stringify(entry)), text);
  });
});
