import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { Evaluations } from "../evaluation/evaluations.ts";
import { StatusError } from "../status-error.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { ObjectRegistry } from "./object-registry.ts";

const digits = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
const loop = [..."abcde"].reduce((inner, name) => `${digits}.all(${name}, ${inner})`, "true");

function kindWith(...rules: readonly object[]): KindDefinition {
  return {
    ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
    ...{ namespaced: false, custom: true, columns: [] },
    schema: {
      type: "object",
      properties: {
        spec: {
          ...{ type: "object", "x-kubernetes-validations": rules as never },
          properties: { size: { type: "integer", maximum: 9 }, name: { type: "string" } },
        },
      },
    },
  };
}

const kind = kindWith(
  { rule: "self.size > 2", message: "more" },
  { rule: "!has(oldSelf.size) || self.size >= oldSelf.size", message: "not less" },
);

const clock = new SystemClock();

/** Asks every rule in a thread. */
class HastyRegistry extends ObjectRegistry {
  override readonly evaluations: Evaluations = new Evaluations({ clock, cost: 0 });
}

function gadget(spec: object, name = "a"): KubeObject {
  return { apiVersion: "lab.example/v1", kind: "Gadget", metadata: { name }, spec };
}

async function told(write: Promise<unknown>): Promise<unknown> {
  try {
    await write;
    return "written";
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.toStatus();
  }
}

type Write = (objects: ObjectRegistry) => Promise<unknown>;
const rows: readonly (readonly [what: string, write: Write])[] = [
  ["a creation", (objects) => objects.create(kind, gadget({ size: 4 }, "b"))],
  ["one that is wrong", (objects) => objects.create(kind, gadget({ size: 1 }, "b"))],
  ["one that is only tried", (objects) => objects.create(kind, gadget({ size: 1 }, "b"), { dryRun: true })],
  ["a type that is wrong", (objects) => objects.create(kind, gadget({ size: "x" }, "b"))],
  ["an update", (objects) => objects.patch(kind, "a", undefined, "merge", { spec: { size: 6 } })],
  [
    "an update that is wrong",
    (objects) => objects.patch(kind, "a", undefined, "merge", { spec: { size: 3 } }),
  ],
  [
    "one that is wrong in two ways",
    (objects) => objects.patch(kind, "a", undefined, "merge", { spec: { size: -1 } }),
  ],
  [
    "an application that is wrong",
    (objects) => objects.apply(kind, "a", undefined, gadget({ size: 1 }), { fieldManager: "m", force: true }),
  ],
];

describe("rules say the same in a thread as on the loop, of", () => {
  for (const [what, write] of rows) {
    it(what, async () => {
      const outcomes = await Promise.all(
        [ObjectRegistry, HastyRegistry].map(async (Registry) => {
          const store = new SqliteStore(":memory:");
          const objects = new Registry([kind], store, clock, new SeededRandom(1));
          await objects.create(kind, gadget({ size: 5 }));
          const outcome = await told(write(objects));
          await objects.evaluations[Symbol.asyncDispose]();
          const { items } = await objects.list(kind);
          await store.close();
          return [outcome, items.map(({ metadata, ...content }) => [metadata.name, content])];
        }),
      );
      assert.deepEqual(outcomes[1], outcomes[0]);
    });
  }

  it("an object that has other faults too: all are told", async () => {
    const store = new SqliteStore(":memory:");
    const objects = new HastyRegistry([kind], store, clock, new SeededRandom(1));
    await assert.rejects(objects.create(kind, gadget({ size: 1 }, "Not_A_Name")), {
      code: 422,
      message: /metadata\.name.*Not_A_Name.*more/s,
    });
    await objects.evaluations[Symbol.asyncDispose]();
    await store.close();
  });
});

it("whoever writes something else is answered while rules are asked that take long", async () => {
  const heavy = kindWith(...Array.from({ length: 10 }, () => ({ rule: `self.size > 2 || ${loop}` })));
  const store = new SqliteStore(":memory:");
  const objects = new ObjectRegistry([heavy], store, clock, new SeededRandom(1));
  const answered: string[] = [];
  const write = async (name: string, size: number): Promise<void> => {
    await objects.create(heavy, gadget({ size }, name));
    answered.push(name);
  };
  await Promise.all([write("heavy", 1), write("light", 3)]);
  assert.deepEqual(answered, ["light", "heavy"]);
  await objects.evaluations[Symbol.asyncDispose]();
  await store.close();
});
