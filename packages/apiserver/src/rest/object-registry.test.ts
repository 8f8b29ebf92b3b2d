import assert from "node:assert/strict";
import { test } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { SqliteStore } from "../store/sqlite-store.ts";
import { ObjectRegistry } from "./object-registry.ts";

const gadget: KindDefinition = {
  group: "lab.example",
  version: "v1",
  kind: "Gadget",
  plural: "gadgets",
  singular: "gadget",
  namespaced: true,
  custom: true,
  columns: [],
  subresources: { status: true },
  schema: {
    type: "object",
    properties: {
      spec: { type: "object", properties: { size: { type: "integer" } } },
      status: { type: "object", properties: { ready: { type: "boolean" } } },
    },
  },
};

function registry(): ObjectRegistry {
  return new ObjectRegistry([gadget], new SqliteStore(":memory:"), new SystemClock(), new SeededRandom(1));
}

function object(name: string, size: number): KubeObject {
  return {
    apiVersion: "lab.example/v1",
    kind: "Gadget",
    metadata: { name, namespace: "a", labels: { size: `${size}` } },
    spec: { size },
  };
}

test("an object is created, read, changed and deleted", async () => {
  const objects = registry();
  const made = await objects.create(gadget, object("one", 1));
  assert.equal(made.metadata.generation, 1);
  await assert.rejects(objects.create(gadget, object("one", 1)), { reason: "AlreadyExists", code: 409 });

  const same = await objects.update(gadget, made);
  assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);

  const patched = await objects.patch(gadget, "one", "a", "merge", {
    spec: { size: 2 },
    status: { ready: true },
  });
  assert.deepEqual(
    [patched["spec"], patched["status"], patched.metadata.generation],
    [{ size: 2 }, undefined, 2],
  );
  await assert.rejects(objects.update(gadget, { ...made, spec: { size: 3 } }), { reason: "Conflict" });

  const status = await objects.updateStatus(gadget, {
    ...patched,
    spec: { size: 9 },
    status: { ready: true },
  });
  assert.deepEqual(
    [status["spec"], status["status"], status.metadata.generation],
    [{ size: 2 }, { ready: true }, 2],
  );

  await objects.delete(gadget, "one", "a");
  await assert.rejects(objects.get(gadget, "one", "a"), {
    reason: "NotFound",
    message: 'gadgets.lab.example "one" not found',
  });
});

test("the last finalizer's removal deletes what was marked", async () => {
  const objects = registry();
  const draft = object("one", 1);
  draft.metadata.finalizers = ["lab.example/hold"];
  await objects.create(gadget, draft);
  await objects.delete(gadget, "one", "a");
  assert.ok((await objects.get(gadget, "one", "a")).metadata.deletionTimestamp);
  await objects.patch(gadget, "one", "a", "merge", { metadata: { finalizers: null } });
  await assert.rejects(objects.get(gadget, "one", "a"), { reason: "NotFound" });
});

test("a watch with a selector tells of what comes, changes and leaves", async () => {
  const objects = registry();
  const { metadata } = await objects.list(gadget);
  const stop = new AbortController();
  const resourceVersion = metadata.resourceVersion;
  await objects.create(gadget, object("other", 7));
  const first = objects.watch(gadget, { labelSelector: "size=1", resourceVersion: "1", signal: stop.signal });
  assert.equal(resourceVersion, "0");
  await objects.create(gadget, object("one", 1));
  await objects.patch(gadget, "one", "a", "merge", { spec: { size: 5 } });
  await objects.patch(gadget, "one", "a", "merge", { metadata: { labels: { size: "2" } } });
  const seen: string[] = [];
  for await (const event of first) {
    seen.push(`${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, ["ADDED one 2", "MODIFIED one 3", "DELETED one 4"]);
  stop.abort();
});

test("a field the kind does not offer is refused, not ignored", async () => {
  await assert.rejects(registry().list(gadget, { fieldSelector: "spec.size=1" }), { reason: "BadRequest" });
});
