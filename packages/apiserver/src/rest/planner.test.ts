import assert from "node:assert/strict";
import { after, describe, it, mock } from "node:test";
import { Worker } from "node:worker_threads";
import {
  BodyError,
  type KindDefinition,
  type KubeObject,
  parseJsonOrYaml,
  parseYamlBody,
} from "@selvedge/apimachinery";
import { type Instant, instant, SeededRandom, SystemClock } from "@selvedge/base";
import { tokenReview } from "../auth/review-schemas.ts";
import { customKinds } from "../custom/custom-kind.ts";
import type { CustomResourceDefinition } from "../custom/definition.ts";
import { definitionKind } from "../custom/definition-kind.ts";
import { EvaluationThreads } from "../evaluation/evaluation-threads.ts";
import { Evaluations } from "../evaluation/evaluations.ts";
import { StatusError } from "../status-error.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { planDelete } from "./delete-plan.ts";
import { hasManyValues } from "./json-outline.ts";
import { isLong, jsonOf, withMembers } from "./lazy-object.ts";
import { ObjectRegistry } from "./object-registry.ts";
import { Planner } from "./planner.ts";
import { bindingKind, deleteOptionsKind, evictionKind, scaleKind } from "./posted-kinds.ts";
import { removeAll } from "./remove-all.ts";
import { settledScale, withScale } from "./scale.ts";
import type { WriteQuery } from "./write-query.ts";

const item = {
  type: "object",
  required: ["name"],
  properties: {
    name: { type: "string" },
    port: { type: "integer", maximum: 65535 },
    open: { type: "boolean", default: true },
  },
};
const keyed = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] };
const rule = { rule: "self.size >= oldSelf.size", message: "may not shrink" };
const spec = {
  type: "object",
  properties: { size: { type: "integer", default: 1 }, items: { type: "array", ...keyed, items: item } },
  "x-kubernetes-validations": [rule],
};
const status = { type: "object", properties: { ready: { type: "boolean" } } };
const definition = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  metadata: { name: "racks.lab.example.com" },
  spec: {
    ...{ group: "lab.example.com", scope: "Namespaced", names: { plural: "racks", kind: "Rack" } },
    versions: ["v1", "v2"].map((name) => ({
      ...{ name, served: true, storage: name === "v2", subresources: { status: {} } },
      schema: { openAPIV3Schema: { type: "object", properties: { spec, status } } },
    })),
  },
} as unknown as CustomResourceDefinition;
const [rack, newer] = customKinds(definition) as [KindDefinition, KindDefinition];

/** The same instant for both who write. */
class StillClock extends SystemClock {
  override now(): Instant {
    return instant(0);
  }
}

function registry(): ObjectRegistry {
  const kinds = [...customKinds(definition), definitionKind];
  return new ObjectRegistry(kinds, new SqliteStore(":memory:"), new StillClock(), new SeededRandom(1));
}

const ports = (count: number, first = 1): object[] =>
  Array.from({ length: count }, (_, index) => ({ name: `p${index}`, port: first + index }));

function object(spec: object, more: object = {}): KubeObject {
  const metadata = { name: "one", namespace: "a" };
  return { apiVersion: "lab.example.com/v1", kind: "Rack", metadata, spec, ...more };
}

const place = ["one", "a"] as const;
const force = { force: true };
const strict = { fieldValidation: "Strict" } as const;
type Step = (objects: ObjectRegistry, options: WriteQuery) => Promise<unknown>;
const create =
  (spec: object, more?: object, kind = rack): Step =>
  (objects, options) =>
    objects.create(kind, object(spec, more), options);
const update =
  (spec: object, resourceVersion?: string): Step =>
  async (objects, options) => {
    const { metadata } = await objects.get(rack, ...place);
    const seen = { ...metadata, ...(resourceVersion && { resourceVersion }) };
    return await objects.update(rack, object(spec, { metadata: seen }), options);
  };
const patch =
  (type: "json" | "merge" | "strategic", body: unknown, more: WriteQuery = {}): Step =>
  (objects, options) =>
    objects.patch(rack, ...place, type, body, { ...options, ...more });
const apply =
  (spec: object, more: WriteQuery = {}): Step =>
  (objects, options) =>
    objects.apply(rack, ...place, object(spec), { ...options, fieldManager: "me", ...more });

const begun = create({ items: ports(3) });
const rows: readonly (readonly [what: string, ...steps: Step[]])[] = [
  ["a create", begun],
  ["a create that says more than there is", create({ lost: 1 }, { more: 2 })],
  [
    "a create that may not say more",
    (objects, options) => objects.create(rack, object({ lost: 1 }), { ...options, ...strict }),
  ],
  ["a create that is wrong", create({ size: "x", items: [{ port: 70_000 }, { port: 1 }] })],
  ["a create that says a key twice", create({ items: [...ports(2), ...ports(1)] })],
  ["a create with an integer of 64 bits", create({ size: 9007199254740993n })],
  ["a create in another version", create({ items: ports(2) }, { apiVersion: "lab.example.com/v2" }, newer)],
  ["an update", begun, update({ items: ports(4, 7) })],
  ["an update that changes nothing", begun, update({ size: 1, items: ports(3) })],
  ["an update that a rule refuses", begun, update({ size: 0 })],
  ["an update of what has changed", begun, update({ size: 3 }, "1000")],
  [
    "an update of the status",
    begun,
    (objects, options) =>
      objects.updateStatus(rack, object({ size: 9 }, { status: { ready: true, lost: 1 } }), options),
  ],
  ["a merge patch", begun, patch("merge", { spec: { size: 5, items: null } })],
  ["a merge patch that is wrong", begun, patch("merge", { spec: { size: "x" } }, strict)],
  ["a JSON patch", begun, patch("json", [{ op: "replace", path: "/spec/items/1/port", value: 9 }])],
  ["a JSON patch of what is not there", begun, patch("json", [{ op: "remove", path: "/spec/none" }])],
  ["a strategic patch, which no custom kind has", begun, patch("strategic", { spec: {} })],
  ["an apply that creates", apply({ items: ports(2) })],
  ["an apply beside others", begun, apply({ items: [{ name: "q", port: 5 }] })],
  ["an apply against others", begun, apply({ items: ports(2, 9) })],
  ["an apply that takes over", begun, apply({ items: ports(2, 9) }, force), apply({ items: ports(1, 9) })],
  ["an apply by nobody", begun, apply({}, { fieldManager: "" })],
  ["an apply of a null", apply({ size: null }, { keepsNulls: true })],
  ["an apply for show", begun, apply({ size: 4 }, { dryRun: true })],
];

/** Both have the same uids and revisions to give. */
const [atOnce, inThreads] = [registry(), registry()];
after(() => inThreads.evaluations[Symbol.asyncDispose]());

/** What each step comes to, and what is there in the end. */
async function outcomes(steps: readonly Step[], isLong: boolean): Promise<unknown[]> {
  const objects = isLong ? inThreads : atOnce;
  const found: unknown[] = [];
  const warn = (text: string): unknown => found.push(text);
  for (const step of steps) {
    try {
      found.push(await step(objects, { isLong, warn, fieldValidation: "Warn", fieldManager: "them" }));
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      found.push(error.toStatus());
    }
  }
  for (const kind of [rack, newer]) found.push((await objects.list(kind)).items);
  await removeAll(objects, rack, {});
  return found;
}

describe("what a thread plans comes to the same as what is planned at once:", () => {
  for (const [what, ...steps] of rows) {
    it(what, async () => {
      assert.deepEqual(await outcomes(steps, true), await outcomes(steps, false));
    });
  }

  it("a definition", async () => {
    const define: Step = (objects, options) => objects.create(definitionKind, definition, options);
    assert.deepEqual(await outcomes([define], true), await outcomes([define], false));
  });
});

describe("a long write", () => {
  it("holds up nobody: of two at once the short one is answered first", async () => {
    const objects = registry();
    const answered: string[] = [];
    const write = async (name: string, isLong: boolean): Promise<void> => {
      await objects.create(rack, { ...object({}), metadata: { name, namespace: "a" } }, { isLong });
      answered.push(name);
    };
    await Promise.all([write("long", true), write("short", false)]);
    assert.deepEqual(answered, ["short", "long"]);
    await objects.evaluations[Symbol.asyncDispose]();
  });

  it("is one of many values: a long text is one", () => {
    const rows: readonly (readonly [value: unknown, many: boolean])[] = [
      [{ data: { release: `x, [{ \\" `.repeat(10_000) } }, false],
      [object({ items: ports(200) }), false],
      [object({ items: ports(1000) }), true],
      [{ data: Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`k${at}`, "v"])) }, true],
    ];
    for (const [value, many] of rows) {
      const text = JSON.stringify(value);
      assert.equal(hasManyValues(text), many, text.slice(0, 60));
    }
  });

  it("is one of what is stored that is long, however short what is said of it", async () => {
    const threads = new EvaluationThreads({ clock: new SystemClock() });
    const objects = registry();
    const long = await objects.create(rack, object({ items: ports(2000) }));
    assert.ok(JSON.stringify(long).length > 64 * 1024);
    const planner = new Planner(new Evaluations({ clock: new SystemClock(), threads }));
    const found = await objects.getStored(rack, ...place);
    const context = { kind: rack, rules: {}, manager: "me", subresource: undefined, time: "" };
    const made = planner.update(found, { ...long, spec: { size: 2 } }, context);
    assert.equal(threads.size, 0);
    assert.deepEqual((await made)["spec"], { size: 2 });
    assert.equal(threads.size, 1);
    await threads[Symbol.asyncDispose]();
  });

  it("is one of what a part of this program makes of a long one", async () => {
    const objects = registry();
    const plan = mock.method(objects.evaluations, "plan");
    const newest = { apiVersion: "lab.example.com/v2" };
    await objects.create(newer, object({ items: ports(2500) }, newest));
    const found = (await objects.getStored(newer, ...place)).copy();
    const metadata = { name: "two", namespace: "a" };
    const made = await objects.create(newer, withMembers(found, { metadata }));
    assert.deepEqual([plan.mock.callCount(), isLong(made)], [1, true]);
    await objects.evaluations[Symbol.asyncDispose]();
  });

  it("is not read to be marked or scaled", async () => {
    const objects = registry();
    const newest = { apiVersion: "lab.example.com/v2" };
    await objects.create(newer, object({ items: ports(2500), size: 9007199254740993n }, newest));
    const found = (await objects.getStored(newer, ...place)).copy();
    const say = (one: KubeObject): void => void Object.assign(one, { status: { ready: false } });
    const plan = planDelete(newer, found, { beginDeletion: say }, instant(0));
    const scale = { ...newer, subresources: { scale: { specReplicas: ".spec.size", statusReplicas: "" } } };
    const scaled = withScale(scale as never, found, { metadata: {}, spec: { replicas: 3 } } as never);
    for (const one of [found, plan.type === "nothing" ? {} : plan.object, scaled]) assert.ok(isLong(one));
    assert.equal((scaled["spec"] as { size: unknown }).size, 3);
  });

  it("is one of what is posted that is no object", async () => {
    const { planner, evaluations } = registry();
    const body = mock.method(evaluations, "body");
    const form = { type: "object", media: "application/json" } as const;
    const kept = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "a" }, deleteOptions: {} };
    for (const kind of [evictionKind, bindingKind, scaleKind, deleteOptionsKind, tokenReview]) {
      const text = JSON.stringify({
        ...kept,
        kind: kind.kind,
        junk: Array.from({ length: 40_000 }, () => 1),
      });
      const { value, isLong: is } = await planner.readBody(Buffer.from(text), form, kind);
      assert.ok(jsonOf(value) === text && is === true);
      const broken = planner.readBody(Buffer.from(text.slice(0, -1)), form, kind);
      await assert.rejects(broken, { code: 400, message: new RegExp(`must be of type ${kind.kind}`) });
    }
    assert.equal(body.mock.callCount(), 10);
    const junk = JSON.stringify({
      kind: "Scale",
      spec: { replicas: 1 },
      junk: "1,".repeat(40_000).split(","),
    });
    const { value } = await planner.readBody(Buffer.from(junk), form, scaleKind);
    const parsed = mock.method(JSON, "parse");
    const spec = { replicas: 1 };
    const scale = { kind: "Scale", spec, apiVersion: "autoscaling/v1", metadata: {} };
    assert.deepEqual(settledScale(value as object as Record<string, unknown>, {}), scale);
    assert.ok(
      parsed.mock.calls.every(({ arguments: [text] }) => String(text).length < 1000),
      "unread",
    );
    parsed.mock.restore();
    await evaluations[Symbol.asyncDispose]();
  });

  it("is asked for again later where many wait already", async () => {
    const silent = (): Worker =>
      new Worker("require('node:worker_threads').parentPort.on('message', () => undefined)", { eval: true });
    const clock = new SystemClock();
    const threads = new EvaluationThreads({ clock, begin: silent });
    const planner = new Planner(new Evaluations({ clock, threads }));
    const text = `a: ${"x".repeat(20_000)}`;
    const waiting = Array.from({ length: 34 }, async () => planner.readYaml(text, false, {}));
    const told = Promise.allSettled(waiting);
    const details = { retryAfterSeconds: 1 };
    await assert.rejects(async () => planner.readYaml(text, false, {}), { code: 429, details });
    await threads[Symbol.asyncDispose]();
    assert.ok((await told).every(({ status }) => status === "rejected"));
  });
});

describe("long YAML is read as short YAML is:", () => {
  const lines = (more: string): string => `${more}
z: ${"x".repeat(20_000)}
`;
  const texts: readonly (readonly [what: string, text: string, orJson: boolean])[] = [
    [
      "what is in order",
      lines("c: 12345678901234567891\na: 1234567890123456789\nb: 1234567890123456789"),
      false,
    ],
    ["keys that are said twice", lines("a: 1\na: 2"), false],
    ["what is applied", lines("a: &x {b: 1}\nc: *x"), true],
    ["what is no YAML", lines("a: ]"), false],
    ["what is no JSON could hold", lines("a: .inf"), false],
  ];
  for (const [what, text, orJson] of texts) {
    it(what, async () => {
      const kind = { keepsIntegers: (member: string) => member !== "a" };
      const evaluations = new Evaluations({ clock: new SystemClock() });
      const planner = new Planner(evaluations);
      const read = orJson ? parseJsonOrYaml : parseYamlBody;
      const made = async (way: () => unknown): Promise<unknown> => {
        try {
          return await way();
        } catch (error) {
          assert.ok(error instanceof BodyError);
          return error.message;
        }
      };
      const long = await made(() => planner.readYaml(text, orJson, kind));
      assert.deepEqual(long, await made(() => read(text, kind.keepsIntegers)));
      await evaluations[Symbol.asyncDispose]();
    });
  }
});
