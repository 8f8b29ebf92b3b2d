import assert from "node:assert/strict";
import { test } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { SqliteStore } from "../store/sqlite-store.ts";
import { listPieces } from "./listing.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: false, columns: [], schema: { type: "object" } },
};

test("a list comes in pieces of what their objects weigh, complete and in order", async () => {
  for (const [size, most] of [
    [20, 500],
    [20_000, 27],
  ] as const) {
    const store = new SqliteStore(":memory:");
    const names = Array.from({ length: 1_300 }, (_, n) => String(n).padStart(5, "0"));
    const value = (name: string): string => JSON.stringify({ metadata: { name }, data: "x".repeat(size) });
    await Promise.all(names.map((name) => store.write(`lab.example/gadgets/${name}`, 0, value(name))));
    const lengths: number[] = [];
    const found: string[] = [];
    for await (const { items } of listPieces(store, kind, {})) {
      lengths.push(items.length);
      for (const { object } of items) found.push(object.metadata.name);
    }
    assert.deepEqual(found, names);
    assert.deepEqual([lengths[0], Math.max(...lengths.slice(1))], [100, most]);
    await store.close();
  }
});
