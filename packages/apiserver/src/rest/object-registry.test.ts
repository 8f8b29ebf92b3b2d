import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { SeededRandom, SystemClock } from "@selvedge/base";
import { BusyClock, LoopTurns } from "../../test/busy-clock.ts";
import { StatusError } from "../status-error.ts";
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
  const never = { ...made, metadata: { ...made.metadata, resourceVersion: "999" } };
  await assert.rejects(objects.update(gadget, never), { reason: "Conflict", code: 409 });
  const whatever = { ...made, metadata: { ...made.metadata, resourceVersion: "0" } };
  const unsaid =
    /^gadgets\.\S+ "one" is invalid: metadata.resourceVersion: .* must be specified for an update$/;
  const message = { message: unsaid };
  await assert.rejects(objects.update(gadget, whatever), message);
  const user = { name: "ann", groups: [] };
  await assert.rejects(objects.updateStatus(gadget, whatever, { user }), message);
  await objects.updateStatus(gadget, whatever);

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

test("who comes back too late is told so, and how to go on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-late-"));
  const open = (): SqliteStore => new SqliteStore(join(folder, "store.db"), "", 10);
  const over = (store: SqliteStore): ObjectRegistry =>
    new ObjectRegistry([gadget], store, new SystemClock(), new SeededRandom(1));
  const before = open();
  const objects = over(before);
  for (const name of ["a", "b", "c"]) await objects.create(gadget, object(name, 1));
  const first = await objects.list(gadget, { limit: 2 });
  assert.deepEqual([first.items.length, first.metadata.remainingItemCount], [2, 1]);
  const token = first.metadata.continue ?? "";
  for (let n = 0; n < 30; n++) {
    await objects.patch(gadget, "c", "a", "merge", { spec: { size: n } });
  }
  const late = await objects.list(gadget, { limit: 2, continue: token }).catch((error: unknown) => error);
  assert.ok(late instanceof StatusError);
  assert.deepEqual([late.code, late.reason], [410, "Expired"]);
  const status = late.toStatus() as { metadata: { continue: string } };
  const rest = await objects.list(gadget, { limit: 2, continue: status.metadata.continue });
  assert.deepEqual(
    rest.items.map((item) => [item.metadata.name, item["spec"]]),
    [["c", { size: 29 }]],
  );
  const exact = { resourceVersion: "2", resourceVersionMatch: "Exact" };
  await assert.rejects(objects.list(gadget, exact), { code: 410 });
  await before.close();
  // Memory reaches back further than the file; after a start there is only the file.
  const after = open();
  const { signal } = new AbortController();
  const watch = over(after).watch(gadget, { resourceVersion: "2", signal });
  await assert.rejects(watch.next(), { code: 410, message: "too old resource version: 2" });
  await after.close();
  rmSync(folder, { recursive: true });
});

test("many who patch one object at once all get through", async () => {
  const objects = registry();
  await objects.create(gadget, object("one", 0));
  const labels = Array.from({ length: 40 }, (_, n) => ({ [`label-${n}`]: "x" }));
  await Promise.all(
    labels.map((label) => objects.patch(gadget, "one", "a", "merge", { metadata: { labels: label } })),
  );
  const { metadata } = await objects.get(gadget, "one", "a");
  assert.equal(Object.keys(metadata.labels ?? {}).length, 41);
  assert.equal(metadata.resourceVersion, "41");
});

test("a watch that nobody takes from costs nothing, and goes on where it was", async () => {
  const objects = registry();
  const stop = new AbortController();
  await objects.create(gadget, object("one", 0));
  const watch = objects.watch(gadget, { resourceVersion: "1", signal: stop.signal });
  const first = watch.next();
  await objects.patch(gadget, "one", "a", "merge", { spec: { size: 1 } });
  assert.equal((await first).value?.object.metadata.resourceVersion, "2");
  for (let n = 2; n < 600; n++) await objects.patch(gadget, "one", "a", "merge", { spec: { size: n } });
  for (let n = 2; n < 600; n++) {
    assert.deepEqual((await watch.next()).value?.object["spec"], { size: n });
  }
  const last = watch.next();
  stop.abort();
  assert.equal((await last).done, true);
});

test("a field the kind does not offer is refused, not ignored", async () => {
  await assert.rejects(registry().list(gadget, { fieldSelector: "spec.size=1" }), { reason: "BadRequest" });
});

test("writes that come together are planned in turns", async () => {
  using turns = new LoopTurns();
  const planned: number[] = [];
  const kind: KindDefinition = {
    ...gadget,
    validate: () => {
      planned.push(turns.now);
      return [];
    },
  };
  const objects = new ObjectRegistry(
    [kind],
    new SqliteStore(":memory:"),
    new BusyClock(),
    new SeededRandom(1),
  );
  const names = ["one", "two", "three"];
  await Promise.all(names.map((name) => objects.create(kind, object(name, 1))));
  await Promise.all(names.map((name) => objects.patch(kind, name, "a", "merge", { spec: { size: 2 } })));
  assert.equal(new Set(planned).size, 6, `planned in turns ${planned}`);
});
