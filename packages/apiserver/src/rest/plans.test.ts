import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { instant } from "@selvedge/base";
import { type DeletePlan, type DeleteQuery, planDelete } from "./delete-plan.ts";
import { isGone, planCreate, planUpdate, type WriteContext } from "./write-plan.ts";

const gadget: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: true, custom: true, columns: [], subresources: { status: true } },
  schema: {
    type: "object",
    properties: {
      spec: { type: "object", properties: { size: { type: "integer", default: 1 } } },
      status: { type: "object", properties: { ready: { type: "boolean" } } },
    },
  },
};
const lingering: KindDefinition = { ...gadget, gracePeriodSeconds: () => 30 };
const hasty: KindDefinition = { ...gadget, gracePeriodSeconds: () => 0 };
const idle: KindDefinition = { ...gadget, gracePeriodSeconds: () => undefined };
const leaving: KindDefinition = { ...gadget, leavesDependents: { warning: "they stay" } };
const now = instant(Date.parse("2026-01-01T00:00:00Z"));

function object(metadata: Partial<KubeObject["metadata"]> = {}): KubeObject {
  const meta = { name: "one", namespace: "a", uid: "u", resourceVersion: "5", ...metadata };
  return { apiVersion: "lab.example/v1", kind: "Gadget", metadata: meta, spec: { size: 1 } };
}

function said(plan: DeletePlan): unknown {
  if (plan.type === "nothing") return plan.type;
  if (plan.type === "delete" && plan.object.metadata.deletionTimestamp === undefined) return plan.type;
  const { deletionTimestamp, deletionGracePeriodSeconds: grace, finalizers = [] } = plan.object.metadata;
  return [...(plan.type === "delete" ? [plan.type] : []), deletionTimestamp, grace, ...finalizers];
}

const going = { deletionTimestamp: "2026-01-01T00:00:30Z", deletionGracePeriodSeconds: 30 };

const late = { deletionTimestamp: "2026-01-01T00:00:05Z", deletionGracePeriodSeconds: 30 };

describe("a deletion", () => {
  const rows: readonly [
    why: string,
    kind: KindDefinition,
    meta: object,
    query: DeleteQuery,
    plan: unknown,
  ][] = [
    ["nothing holds it", gadget, {}, {}, "delete"],
    ["a finalizer holds it", gadget, { finalizers: ["x/y"] }, {}, ["2026-01-01T00:00:00Z", 0, "x/y"]],
    ["it is marked already", gadget, { ...going, finalizers: ["x/y"] }, {}, "nothing"],
    [
      "dependents go first",
      gadget,
      {},
      { propagationPolicy: "Foreground" },
      ["2026-01-01T00:00:00Z", 0, "foregroundDeletion"],
    ],
    ["dependents stay unless it is said", leaving, {}, {}, ["2026-01-01T00:00:00Z", 0, "orphan"]],
    ["dependents go where it is said", leaving, {}, { propagationPolicy: "Background" }, "delete"],
    ["it was said before", leaving, { finalizers: ["orphan"] }, {}, ["2026-01-01T00:00:00Z", 0, "orphan"]],
    ["dependents stay", gadget, {}, { propagationPolicy: "Orphan" }, ["2026-01-01T00:00:00Z", 0, "orphan"]],
    [
      "dependents stay, in old words",
      gadget,
      {},
      { orphanDependents: true },
      ["2026-01-01T00:00:00Z", 0, "orphan"],
    ],
    [
      "a policy replaces another",
      gadget,
      { finalizers: ["orphan"] },
      { propagationPolicy: "Background" },
      "delete",
    ],
    ["it has a grace", lingering, {}, {}, ["2026-01-01T00:00:30Z", 30]],
    ["it is given another", lingering, {}, { gracePeriodSeconds: 5 }, ["2026-01-01T00:00:05Z", 5]],
    ["it is given none", lingering, {}, { gracePeriodSeconds: 0 }, ["delete", "2026-01-01T00:00:00Z", 0]],
    ["it has none", hasty, {}, {}, ["delete", "2026-01-01T00:00:00Z", 0]],
    ["it has none, and is given one", hasty, {}, { gracePeriodSeconds: 5 }, ["2026-01-01T00:00:05Z", 5]],
    ["it is given less than none", hasty, {}, { gracePeriodSeconds: -5 }, ["2026-01-01T00:00:01Z", 1]],
    ["nothing of it runs", idle, {}, { gracePeriodSeconds: 5 }, ["delete", "2026-01-01T00:00:00Z", 0]],
    ["a policy comes while its grace goes on", lingering, going, { propagationPolicy: "Orphan" }, "nothing"],
    [
      "a policy is said again",
      gadget,
      { ...going, finalizers: ["orphan", "x/y"] },
      { propagationPolicy: "Orphan" },
      "nothing",
    ],
    ["a kind without grace is given one", gadget, {}, { gracePeriodSeconds: 5 }, "delete"],
    ["its grace becomes shorter", lingering, going, { gracePeriodSeconds: 10 }, ["2026-01-01T00:00:10Z", 10]],
    [
      "its shorter grace is over already",
      lingering,
      late,
      { gracePeriodSeconds: 10 },
      ["2026-01-01T00:00:00Z", 1],
    ],
    ["its grace cannot become longer", lingering, going, { gracePeriodSeconds: 60 }, "nothing"],
    ["it is asked for twice", lingering, going, {}, "nothing"],
    [
      "force ends a grace",
      lingering,
      going,
      { gracePeriodSeconds: 0 },
      ["delete", "2026-01-01T00:00:00Z", 0],
    ],
  ];
  for (const [why, kind, meta, query, plan] of rows) {
    it(`when ${why}`, () => assert.deepEqual(said(planDelete(kind, object(meta), query, now)), plan));
  }

  it("says that dependents stay to who did not say so", () => {
    const told: string[] = [];
    const warn = (text: string): number => told.push(text);
    planDelete(leaving, object(), { warn, propagationPolicy: "Orphan" }, now);
    assert.deepEqual(told, []);
    planDelete(leaving, object(), { warn }, now);
    assert.deepEqual(told, ["they stay"]);
  });

  it("is refused for another object, another revision and a policy that is none", () => {
    const refused: readonly [query: DeleteQuery, code: number][] = [
      [{ preconditions: { uid: "other" } }, 409],
      [{ preconditions: { uid: "" } }, 409],
      [{ preconditions: { resourceVersion: "4" } }, 409],
      [{ propagationPolicy: "Sideways" as never }, 422],
      [{ propagationPolicy: "Orphan", orphanDependents: false }, 422],
    ];
    for (const [query, code] of refused) {
      assert.throws(() => planDelete(gadget, object(), query, now), { code });
    }
  });

  it("of a namespace waits for its content", () => {
    const kind = { ...gadget, group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
    const namespace = {
      ...object(),
      apiVersion: "v1",
      kind: "Namespace",
      spec: { finalizers: ["kubernetes"] },
    };
    const plan = planDelete(kind, namespace, {}, now);
    assert.ok(plan.type === "mark");
    assert.deepEqual([plan.object["status"], isGone(plan.object)], [{ phase: "Terminating" }, false]);
    assert.equal(isGone({ ...plan.object, spec: {} }), true);
  });
});

describe("a write", () => {
  const context = (more: Partial<WriteContext> = {}): WriteContext => ({
    ...{ kind: gadget, rules: {}, manager: "m", subresource: undefined, time: "2026-01-01T00:00:00Z" },
    ...more,
  });

  const own = (kind: string): KindDefinition => ({ ...gadget, kind, custom: false });
  const marks = { labels: { a: "b" }, annotations: { c: "d" }, finalizers: ["x/y"] };
  const ownerReferences = [{ apiVersion: "v1", kind: "B", name: "b", uid: "c" }];
  const through: readonly [kind: KindDefinition, subresource: string, kept: object][] = [
    [gadget, "status", {}],
    [own("Service"), "status", { ...marks, ownerReferences }],
    [own("Namespace"), "finalize", { ...marks, ownerReferences }],
    [own("Pod"), "status", marks],
    [
      own("Deployment"),
      "status",
      { annotations: marks.annotations, finalizers: marks.finalizers, ownerReferences },
    ],
    [own("Pod"), "ephemeralcontainers", {}],
  ];
  for (const [kind, subresource, kept] of through) {
    it(`keeps of the metadata of a ${kind.kind} written to its ${subresource}: ${Object.keys(kept)}`, () => {
      const stored = planCreate(object({ resourceVersion: "" }), "u", { ...context(), kind });
      const wanted = { ...stored, metadata: { ...stored.metadata, ...marks, ownerReferences } };
      const { metadata } = planUpdate(stored, wanted, { ...context({ subresource }), kind });
      const fields = ["labels", "annotations", "finalizers", "ownerReferences"] as const;
      const found = fields.flatMap((field) =>
        metadata[field] === undefined ? [] : [[field, metadata[field]]],
      );
      assert.deepEqual(Object.fromEntries(found), kept);
    });
  }

  it("creates with the server's own metadata, defaults and no status", () => {
    const wanted = {
      ...object({ generation: 9, deletionTimestamp: "x" }),
      spec: {},
      status: { ready: true },
    };
    const made = planCreate(wanted, "new", context());
    const { managedFields, ...metadata } = made.metadata;
    assert.deepEqual(metadata, {
      ...{
        name: "one",
        namespace: "a",
        uid: "new",
        generation: 1,
        creationTimestamp: "2026-01-01T00:00:00Z",
      },
    });
    assert.deepEqual([made["spec"], made["status"], managedFields?.length], [{ size: 1 }, undefined, 1]);
  });

  it("gives the first generation to a change of the spec, where a kind wants that", () => {
    const kind = { ...gadget, generationLater: true };
    const stored = planCreate(object({ resourceVersion: "" }), "u", { ...context(), kind });
    assert.equal(stored.metadata.generation, undefined);
    const changed = { ...stored, spec: { size: 2 } };
    assert.equal(planUpdate(stored, changed, { ...context(), kind }).metadata.generation, 1);
  });

  it("keeps to its part of the object", () => {
    const stored = planCreate(object(), "u", context());
    stored.metadata.resourceVersion = "5";
    const changed = { ...stored, spec: { size: 2 }, status: { ready: true } };
    const main = planUpdate(stored, changed, context());
    assert.deepEqual([main["spec"], main["status"], main.metadata.generation], [{ size: 2 }, undefined, 2]);
    const status = planUpdate(stored, changed, context({ subresource: "status" }));
    assert.deepEqual(
      [status["spec"], status["status"], status.metadata.generation],
      [{ size: 1 }, { ready: true }, 1],
    );
    assert.equal(
      status.metadata.managedFields?.find(({ subresource }) => subresource === "status")?.manager,
      "m",
    );
  });

  it("that changes nothing gives back what is stored", () => {
    const stored = planCreate(object(), "u", context());
    stored.metadata.resourceVersion = "5";
    assert.equal(
      planUpdate(stored, structuredClone(stored), context({ time: "2027-01-01T00:00:00Z" })),
      stored,
    );
  });

  it("is not blamed for a default that came after the object was stored", () => {
    const stored = { ...object({ generation: 1 }), spec: {} };
    const status = planUpdate(
      stored,
      { ...object(), status: { ready: true } },
      context({ subresource: "status" }),
    );
    assert.deepEqual([status["spec"], status.metadata.generation], [{ size: 1 }, 1]);
    assert.deepEqual(
      status.metadata.managedFields?.map(({ fieldsV1 }) => Object.keys(fieldsV1 as object)),
      [["f:status"]],
    );
  });

  it("sees what a default makes of another part", () => {
    const schema = {
      type: "object",
      properties: { said: { type: "string" }, made: { type: "object" } },
    } as const;
    const made = { ...schema.properties.made, additionalProperties: true };
    const kind: KindDefinition = {
      ...{ ...gadget, schema: { ...schema, properties: { ...schema.properties, made } } },
      applyDefaults: (one) => {
        if (one["said"] !== undefined) (one["made"] as Record<string, unknown>)["said"] = one["said"];
        delete one["said"];
      },
    };
    const stored = planCreate({ ...object(), made: { other: 1 } }, "u", context({ kind }));
    stored.metadata.resourceVersion = "5";
    const next = planUpdate(stored, { ...stored, said: "x" }, context({ kind, manager: "n" }));
    assert.deepEqual([next["made"], stored["made"]], [{ other: 1, said: "x" }, { other: 1 }]);
    const entry = next.metadata.managedFields?.find(({ manager }) => manager === "n");
    assert.deepEqual(entry?.fieldsV1, { "f:made": { "f:said": {} } });
  });

  it("cannot turn one object into another", () => {
    const stored = planCreate(object(), "u", context());
    assert.throws(() => planUpdate(stored, object({ uid: "w" }), context()), {
      message:
        'Operation cannot be fulfilled on gadgets.lab.example "one": Precondition failed: UID in ' +
        "precondition: w, UID in object meta: u",
    });
  });

  const fixed: readonly (readonly [meta: object, rules: object, said: string])[] = [
    [{ uid: "w" }, { patch: { type: "merge", value: {} } }, 'metadata.uid: Invalid value: "w"'],
    [going, {}, 'metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:30Z"'],
    [{ deletionGracePeriodSeconds: 30 }, {}, "metadata.deletionGracePeriodSeconds: Invalid value: 30"],
  ];
  for (const [meta, rules, said] of fixed)
    it(`is refused where it would change ${said}`, () => {
      const stored = planCreate(object(), "u", context());
      assert.throws(() => planUpdate(stored, object({ uid: "u", ...meta }), context({ rules })), {
        code: 422,
        message: `Gadget.lab.example "one" is invalid: ${said}: field is immutable`,
      });
    });

  it("is read as a whole, though a part of it come to nothing", () => {
    const bytes = { 1: { name: "at", type: "bytes" } } as const;
    const member = { type: "message", message: bytes } as const;
    const kind = { ...gadget, custom: false, schema: { type: "object" } as const };
    const protobuf = { 1: { name: "spec", ...member }, 2: { name: "status", ...member } };
    const stored = (): KubeObject => ({ ...object(), spec: { at: "YQ==" }, status: { at: "YQ==" } });
    for (const [name, subresource] of [
      ["status", undefined],
      ["spec", "status"],
    ] as const)
      for (const [at, isRead] of Object.entries({ "YQ==": true, "Yg==": true, $: false })) {
        const how = { kind: { ...kind, protobuf }, subresource };
        const plan = (): unknown => planUpdate(stored(), { ...stored(), [name]: { at } }, context(how));
        if (isRead) assert.deepEqual(plan(), stored());
        else assert.throws(plan, { code: 400, message: /: illegal base64 data at input byte 0$/ });
      }
  });

  it("is told of unknown fields as the rules say", () => {
    const odd = (): KubeObject => ({ ...object(), spec: { size: 1, colour: "red" } });
    assert.deepEqual(planCreate(odd(), "u", context())["spec"], { size: 1 });
    const heard: string[] = [];
    const warn = (text: string): unknown => heard.push(text);
    const rules = { fieldValidation: "Warn", duplicates: ["spec.size"], warn } as const;
    planCreate(odd(), "u", context({ rules }));
    assert.deepEqual(heard, ['unknown field "spec.colour"', 'duplicate field "spec.size"']);
    assert.throws(() => planCreate(odd(), "u", context({ rules: { fieldValidation: "Strict" } })), {
      code: 400,
      message:
        /^Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.colour"$/,
    });
    assert.throws(
      () =>
        planUpdate(
          object(),
          odd(),
          context({ rules: { fieldValidation: "Strict", patch: { type: "merge", value: {} } } }),
        ),
      {
        code: 422,
        message:
          / "" is invalid: patch: Invalid value: "{}": strict decoding error: unknown field "spec.colour"$/,
      },
    );
  });
});
