import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { SqliteStore } from "../store/sqlite-store.ts";
import { ObjectRegistry } from "./object-registry.ts";

const old: KindDefinition = {
  ...{ group: "", version: "v1", kind: "Note", plural: "notes", singular: "note", namespaced: false },
  ...{ columns: [], hasGeneration: false, unconditionalUpdate: true },
  schema: { type: "object", properties: { text: { type: "string" } } },
  view: {
    of: { group: "", plural: "notes" },
    read: (stored) => structuredClone(stored),
    write: (object) => structuredClone(object),
    siblings: () => [old, young],
  },
};
const young: KindDefinition = {
  ...{ ...old, group: "notes.example", selectableFields: ["body"] },
  schema: { type: "object", properties: { body: { type: "string" } } },
  view: {
    of: { group: "", plural: "notes" },
    read: ({ text, ...stored }) => shape({ ...stored, apiVersion: "notes.example/v1", body: text }),
    write: ({ body, ...object }) => shape({ ...object, apiVersion: "v1", text: body }),
    siblings: () => [old, young],
  },
};

function shape(object: Record<string, unknown>): KubeObject {
  return JSON.parse(JSON.stringify(object)) as KubeObject;
}

function note(apiVersion: string, name: string, content: Record<string, unknown>): KubeObject {
  return { apiVersion, kind: "Note", metadata: { name }, ...content };
}

function registry(kinds: readonly KindDefinition[]): ObjectRegistry {
  return new ObjectRegistry(kinds, new SqliteStore(":memory:"), new SystemClock(), new SeededRandom(1));
}

describe("one object in two groups", () => {
  it("is written in either and read in both", async () => {
    const objects = registry([old, young]);
    await objects.create(old, note("v1", "a", { text: "first" }));
    assert.equal((await objects.get(young, "a"))["body"], "first");
    const seen = await objects.get(young, "a");
    await objects.update(young, { ...seen, body: "second" }, { fieldManager: "second" });
    const kept = await objects.get(old, "a");
    assert.deepEqual([kept.apiVersion, kept["text"], kept["body"]], ["v1", "second", undefined]);
    await assert.rejects(objects.create(young, note("notes.example/v1", "a", {})), /already exists/);
    await objects.delete(young, "a");
    await assert.rejects(objects.get(old, "a"), /notes "a" not found/);
  });

  it("is listed, selected and watched as each group shows it", async () => {
    const objects = registry([old, young]);
    await objects.create(old, note("v1", "a", { text: "x" }));
    await objects.create(young, note("notes.example/v1", "b", { body: "y" }));
    const found = await objects.list(young, { fieldSelector: "body=y" });
    assert.deepEqual(
      found.items.map(({ metadata }) => metadata.name),
      ["b"],
    );
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const event of objects.watch(young, { signal: stop.signal })) {
      seen.push([event.object.apiVersion, event.object["body"]]);
      if (seen.length === 2) stop.abort();
    }
    assert.deepEqual(seen, [
      ["notes.example/v1", "x"],
      ["notes.example/v1", "y"],
    ]);
  });

  it("remembers who manages a field in the version they wrote", async () => {
    const objects = registry([old, young]);
    const options = { fieldManager: "one" };
    await objects.apply(old, "a", undefined, note("v1", "a", { text: "x" }), options);
    const claim = note("notes.example/v1", "a", { body: "y" });
    await assert.rejects(
      objects.apply(young, "a", undefined, claim, { fieldManager: "two" }),
      /Apply failed with 1 conflict: conflict with "one": .text/,
    );
    const forced = { fieldManager: "two", force: true };
    const { object } = await objects.apply(young, "a", undefined, claim, forced);
    const managers = object.metadata.managedFields?.map(({ manager, apiVersion }) => [manager, apiVersion]);
    assert.deepEqual(managers, [["two", "notes.example/v1"]]);
  });
});

describe("kinds that come and go", () => {
  it("are served while they are there, and their watches end with what happened before", async () => {
    const objects = registry([]);
    await assert.rejects(objects.list(old), /could not find the requested resource/);
    objects.table.serve([old]);
    await objects.create(old, note("v1", "a", {}));
    const events = objects.watch(old, { signal: new AbortController().signal });
    assert.equal((await events.next()).value?.type, "ADDED");
    await objects.delete(old, "a");
    objects.table.serve([]);
    assert.equal((await events.next()).value?.type, "DELETED");
    assert.equal((await events.next()).done, true);
  });
});
