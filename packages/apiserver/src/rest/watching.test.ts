import assert from "node:assert/strict";
import { test } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { millis, SystemClock } from "@selvedge/base";
import { SqliteStore } from "../store/sqlite-store.ts";
import { listStored } from "./listing.ts";
import { openWatch } from "./watching.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: false, columns: [], schema: { type: "object" } },
};

async function storeOf(...names: readonly string[]): Promise<SqliteStore> {
  const store = new SqliteStore(":memory:");
  for (const name of names)
    await store.write(`lab.example/gadgets/${name}`, 0, JSON.stringify({ metadata: { name } }));
  return store;
}

test("a watch of what is to come tells of nothing before, not even that it was reached", async () => {
  const store = await storeOf("a");
  const asked = (await store.revision()) + 2;
  const stop = new AbortController();
  const often = { signal: stop.signal, allowWatchBookmarks: true, bookmarkEvery: millis(1) };
  const query = { ...often, resourceVersion: `${asked}` };
  const told: string[] = [];
  const watching = (async () => {
    for await (const items of await openWatch(store, kind, query, new SystemClock()))
      for (const item of items) {
        if (item.type === "BOOKMARK") assert.ok(item.revision >= asked);
        else told.push(item.stored.object.metadata.name);
        if (told.length > 0) stop.abort();
      }
  })();
  for (const name of ["b", "c", "d"])
    await store.write(`lab.example/gadgets/${name}`, 0, JSON.stringify({ metadata: { name } }));
  await watching;
  assert.deepEqual(told, ["d"]);
  await store.close();
});

test("a page is of the very revision that is asked for, as a list is that says Exact", async () => {
  const store = await storeOf("a", "b");
  const resourceVersion = `${(await store.revision()) - 1}`;
  const found = async (query: object): Promise<string[]> =>
    (await listStored(store, kind, { resourceVersion, ...query })).items.map(({ key }) => key.slice(-1));
  assert.deepEqual(await found({ limit: 5 }), ["a"]);
  assert.deepEqual(await found({ resourceVersionMatch: "Exact" }), ["a"]);
  assert.deepEqual(await found({ limit: 5, resourceVersionMatch: "NotOlderThan" }), ["a", "b"]);
  assert.deepEqual(await found({}), ["a", "b"]);
  await store.close();
});
