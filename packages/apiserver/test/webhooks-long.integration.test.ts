/**
 * What webhooks are asked about a long object, and what becomes of what they answer, is the same as of a short one:
 * each row is written twice, at once and by the threads that long objects are written in.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { StatusError } from "../src/index.ts";
import type { ObjectRegistry } from "../src/rest/object-registry.ts";
import type { WriteQuery } from "../src/rest/write-query.ts";
import { opensslMissing } from "./api-world.ts";
import { type Answer, type Asked, deny, patch } from "./hook-server.ts";
import { HookWorld, rule, type SaidHook, version } from "./hook-world.ts";

const item = {
  ...{ type: "object", required: ["name"] },
  properties: { name: { type: "string" }, open: { type: "boolean", default: true } },
};
const keyed = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] };
const properties = {
  spec: {
    type: "object",
    properties: {
      ...{ size: { type: "integer" }, replicas: { type: "integer" } },
      items: { type: "array", ...keyed, items: item },
    },
  },
  status: { type: "object", properties: { replicas: { type: "integer" } } },
};
const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
const versions = ["v1", "v2"].map((name) => ({
  ...version(name, name === "v1", properties),
  subresources: { status: {}, scale },
}));

type Write = (objects: ObjectRegistry, kind: KindDefinition, options: WriteQuery) => Promise<unknown>;
const place = ["one", "default"] as const;
const rack = (more: object = {}): KubeObject => ({
  ...{ apiVersion: "lab.test/v1", kind: "Rack", metadata: { name: "one", namespace: "default" } },
  spec: { replicas: 1, items: [{ name: "a" }, { name: "b", open: false }] },
  ...more,
});
const create =
  (more?: object): Write =>
  (objects, kind, options) =>
    objects.create(kind, rack(more), options);
const merge =
  (body: object, more: WriteQuery = {}): Write =>
  (objects, kind, options) =>
    objects.patch(kind, ...place, "merge", body, { ...options, ...more });
const copies =
  (replicas: number): Write =>
  (objects, kind, options) =>
    objects.change(kind, ...place, { ...options, subresource: "scale" }, (_stored, found) =>
      objects.planner.scaled(kind, found, { ...rack(), spec: { replicas } }),
    );

const add = (path: string, value: unknown): object => patch({ op: "add", path, value });
const raw = (text: string, more: object = {}): object => ({
  ...{ allowed: true, patchType: "JSONPatch", patch: Buffer.from(text).toString("base64") },
  ...more,
});
const everyKind = patch(
  { op: "test", path: "/spec/items/0/name", value: "a" },
  { op: "copy", from: "/spec/items/0", path: "/spec/items/-" },
  { op: "replace", path: "/spec/items/2/name", value: "c" },
  { op: "move", from: "/spec/items/1", path: "/spec/items/0" },
  { op: "remove", path: "/spec/items/1/open" },
  { op: "add", path: "/spec/size", value: 9007199254740993n },
);
const lost = { spec: { items: [{ name: "a", lost: 1 }] } };
const known = { operations: ["*"], apiGroups: ["lab.test"], resources: ["racks", "racks/scale"] };
const own = [{ ...known, apiVersions: ["v1"] }];
const other = [{ ...known, apiVersions: ["v2"] }];
const again = [{ path: "/said", reinvocationPolicy: "IfNeeded" }, { path: "/label" }];

interface Row {
  readonly says?: Answer;
  readonly rules?: readonly object[];
  readonly hooks?: readonly SaidHook[];
  readonly options?: WriteQuery;
  /** What is there before webhooks are asked is made at once. */
  readonly write?: Write;
  readonly onMaps?: true;
}

const of = (answer: object | string): Pick<Row, "says"> => ({ says: () => answer });
const update = merge({ spec: { size: 4 } });
const rows: Readonly<Record<string, Row>> = {
  nothing: of({ allowed: true, warnings: ["look"], auditAnnotations: { seen: "yes" } }),
  no: of(deny("it is wrong")),
  "operations of every kind": of(everyKind),
  "an item that lacks its default": of(add("/spec/items/-", { name: "c" })),
  "a field that is not known": of(add("/spec/lost", 1)),
  "a value that is not allowed": of(add("/spec/size", "x")),
  "metadata that is none": of(add("/metadata/labels", { a: 1 })),
  "a label": of(add("/metadata/labels", { a: "b" })),
  "the same again": of(add("/spec/replicas", 1)),
  "an empty list": of(patch()),
  null: of(raw("null")),
  "a test that does not hold": of(patch({ op: "test", path: "/spec/replicas", value: 2 })),
  "a path that is not there": of(patch({ op: "remove", path: "/spec/none" })),
  "no metadata": of(patch({ op: "remove", path: "/metadata" })),
  "no object": of(add("", 1)),
  "another kind": of(add("/kind", "Other")),
  "no list": of(raw('{"op":"add"}')),
  "what is no JSON": of(raw("[")),
  "what is no JSON, and need not be": {
    ...of(raw("[")),
    hooks: [{ path: "/said", failurePolicy: "Ignore" }],
  },
  "another type of patch": of(raw("[]", { patchType: "MergePatch" })),
  "one item more each time": {
    says: ({ object }: Asked) => add("/spec/items/-", { name: `n${object.spec.items.length}` }),
    hooks: again,
  },
  "of another version": { ...of(everyKind), rules: other },
  "of what is not known": {
    ...of({ allowed: true }),
    write: create(lost),
    options: { fieldValidation: "Warn" },
  },
  "of what may not be": {
    ...of({ allowed: true }),
    write: create(lost),
    options: { fieldValidation: "Strict" },
  },
  "of an update": { ...of(everyKind), write: update },
  "of an update in another version": { ...of(add("/spec/size", 5)), rules: other, write: update },
  "of an update that leaves all as it was": { ...of(add("/spec/size", null)), write: update },
  "of a patch that is wrong": { ...of(everyKind), write: merge({ metadata: { labels: { a: 1 } } }) },
  "of a scale": { ...of(add("/spec/replicas", 5)), write: copies(3) },
  "of a scale in another version": { ...of(add("/spec/replicas", 5)), rules: other, write: copies(3) },
  "of a scale that is refused": { ...of(add("/spec/replicas", -1)), write: copies(3) },
  "of a deletion": {
    ...of(add("/spec", 1)),
    write: (objects, kind, options) => objects.remove(kind, ...place, options),
  },
  "of a kind of ours": { ...of(add("/data/added", "yes")), onMaps: true },
  "that no kind of ours takes": { ...of(add("/data/added", 1)), onMaps: true },
  "of an update of ours": {
    ...{ ...of(add("/data/added", "yes")), onMaps: true },
    write: merge({ data: { a: null }, lost: 1 }, { fieldValidation: "Warn" }),
  },
};

describe("a webhook's answer about a long object comes to the same as about a short one:", {
  skip: opensslMissing(),
}, () => {
  let says: Answer = () => undefined;
  let world: HookWorld;
  const answers = {
    "/said": (request: Asked) => says(request),
    "/label": () => add("/metadata/labels", { l: "m" }),
  };
  before(async () => {
    world = await new HookWorld(answers).start();
    world.api.objects.planner.kindsModule = import.meta.resolve("@selvedge/kinds");
    await world.define("racks", versions);
    world.made.length = 0;
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.cleanUp());

  /** What the write comes to, what is there then, and all that was said and asked meanwhile. */
  async function outcome(
    kind: KindDefinition,
    { write = create(), options }: Row,
    isLong: boolean,
  ): Promise<unknown> {
    const { objects } = world.api;
    const heard: unknown[] = [];
    const note = (...said: unknown[]): unknown => heard.push(said);
    world.hooks.asked.length = 0;
    try {
      heard.push(await write(objects, kind, { ...options, isLong, warn: note, annotate: note }));
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      heard.push(error.toStatus());
    }
    const { items } = await objects.list(kind);
    return same([heard, items, world.hooks.asked]);
  }

  for (const [what, row] of Object.entries(rows)) {
    it(what, async () => {
      const { says: answer = () => undefined, rules = own, hooks = [{ path: "/said" }], onMaps } = row;
      const kind = world.api.kind(onMaps ? "configmaps" : "racks");
      const found: unknown[] = [];
      for (const isLong of [false, true]) {
        says = answer;
        const { objects } = world.api;
        const before = onMaps
          ? { apiVersion: "v1", kind: "ConfigMap", metadata: rack().metadata, data: { a: "b" } }
          : rack();
        if (row.write !== undefined && row.options === undefined) await objects.create(kind, before);
        const write = row.write ?? ((_objects, _kind, options) => objects.create(kind, before, options));
        const at = await world.register(
          "mutating",
          "long",
          onMaps ? [rule("configmaps", "*")] : rules,
          ...hooks,
        );
        found.push(await outcome(kind, { ...row, write }, isLong));
        await world.ask(at, 200, { method: "DELETE" });
        for (const { metadata } of (await objects.list(kind)).items)
          await objects.delete(kind, metadata.name, metadata.namespace);
      }
      assert.deepEqual(found[1], found[0]);
      const [, , asked] = found[0] as [unknown, unknown, unknown[]];
      assert.equal(asked.length > 0, !notAsked.has(what), "whether it was asked");
    });
  }
});

const notAsked = new Set(["of what may not be", "of a patch that is wrong"]);

/** But for what no two writes have in common. */
function same(value: unknown): unknown {
  const own = new Set(["uid", "resourceVersion", "creationTimestamp", "time"]);
  const text = JSON.stringify(value, (key, member: unknown) =>
    own.has(key) && typeof member === "string" ? "-" : member,
  );
  return JSON.parse(text);
}
