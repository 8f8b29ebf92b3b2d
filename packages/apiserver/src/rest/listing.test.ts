import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { SqliteStore } from "../store/sqlite-store.ts";
import type { Page, PageQuery, Store, WriteOutcome } from "../store/store.ts";
import { listPieces } from "./listing.ts";

const kind: KindDefinition = {
  ...{ group: "lab.example", version: "v1", kind: "Gadget", plural: "gadgets", singular: "gadget" },
  ...{ namespaced: false, columns: [], schema: { type: "object" } },
};

test("a list comes in pieces of what their objects weigh, complete and in order", async () => {
  for (const [size, first, most] of [
    [20, 100, 250],
    [20_000, 53, 14],
    [300_000, 4, 1],
  ] as const) {
    const store = new SqliteStore(":memory:");
    const names = Array.from({ length: size > 20_000 ? 30 : 1_300 }, (_, n) => String(n).padStart(5, "0"));
    const value = (name: string): string => JSON.stringify({ metadata: { name }, data: "x".repeat(size) });
    await Promise.all(names.map((name) => store.write(`lab.example/gadgets/${name}`, 0, value(name))));
    const lengths: number[] = [];
    const found: string[] = [];
    for await (const { items } of listPieces(store, kind, {})) {
      lengths.push(items.length);
      for (const { object } of items) found.push(object.metadata.name);
    }
    assert.deepEqual(found, names);
    assert.deepEqual([lengths[0], Math.max(...lengths.slice(1))], [first, most]);
    await store.close();
  }
});

test("pages that a database answers together are gone through one a turn", async () => {
  const store = new SqliteStore(":memory:");
  const value = JSON.stringify({ metadata: { name: "one" } });
  const keys = Array.from({ length: 400 }, (_, n) => `lab.example/gadgets/${n}`);
  await Promise.all(keys.map((key) => store.write(key, 0, value)));
  let answers: PromiseWithResolvers<void> | undefined;
  const page = async (query: PageQuery): Promise<Page> => {
    if (answers === undefined) {
      const together = Promise.withResolvers<void>();
      answers = together;
      setImmediate(() => {
        answers = undefined;
        together.resolve();
      });
    }
    await answers.promise;
    return await store.page(query);
  };
  const database: Pick<Store, "page" | "hold"> = { page, hold: (revision) => store.hold(revision) };
  let turn = 0;
  let next = setImmediate(function count() {
    turn++;
    next = setImmediate(count);
  });
  const turns: number[] = [];
  const list = async (): Promise<void> => {
    for await (const { items } of listPieces(database as Store, kind, {})) {
      if (items.length >= 100) turns.push(turn);
    }
  };
  await Promise.all(Array.from({ length: 8 }, list));
  clearImmediate(next);
  assert.equal(turns.length, 16);
  assert.equal(new Set(turns).size, turns.length, String(turns));
  await store.close();
});

test("a list of one object is of the revision it says, while that goes to the disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-listing-"));
  const store = new SqliteStore(join(folder, "objects.db"));
  try {
    const query = { fieldSelector: "metadata.name=going" };
    const value = JSON.stringify({ metadata: { name: "going" } });
    for (let round = 0; round < 100; round++) {
      const made = await store.write("lab.example/gadgets/going", 0, value);
      assert.equal(made.type, "written");
      let deleted: WriteOutcome | undefined;
      const deletion = store.write("lab.example/gadgets/going", made.revision, undefined);
      void deletion.then((outcome) => {
        deleted = outcome;
      });
      const shown: number[] = [];
      while (deleted === undefined) {
        for await (const { revision, items } of listPieces(store, kind, query)) {
          if (items.length > 0) shown.push(revision);
        }
        await new Promise(setImmediate);
      }
      // A watch from there is told that it went.
      assert.ok(deleted.type === "written" && shown.length > 0);
      for (const revision of shown)
        assert.ok(revision < deleted.revision, `it is still there at ${revision}`);
    }
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});

test("a list that has begun comes to its end, though the log is cut meanwhile", async () => {
  const store = new SqliteStore(":memory:", "", 20);
  const names = Array.from({ length: 600 }, (_, n) => String(n).padStart(5, "0"));
  const value = (name: string, data: string): string => JSON.stringify({ metadata: { name }, data });
  const keyOf = (name: string): string => `lab.example/gadgets/${name}`;
  const revisions = new Map<string, number>();
  const write = async (name: string, data: string): Promise<void> => {
    const outcome = await store.write(keyOf(name), revisions.get(name) ?? 0, value(name, data));
    assert.ok(outcome.type === "written");
    revisions.set(name, outcome.revision);
  };
  for (const name of names) await write(name, "first");
  const found: unknown[] = [];
  for await (const { items } of listPieces(store, kind, {})) {
    for (const { object } of items) found.push([object.metadata.name, object["data"]]);
    for (const name of names.slice(-50)) await write(name, "later");
  }
  assert.deepEqual(
    found,
    names.map((name) => [name, "first"]),
  );
  // Who goes on from a page that is too old is told so before anything else.
  const { value: first } = await listPieces(store, kind, { limit: 10 }).next();
  for (const name of names.slice(0, 100)) await write(name, "latest");
  const rest = listPieces(store, kind, { limit: 500, continue: first?.end?.continue ?? assert.fail() });
  await assert.rejects(rest.next(), { code: 410 });
  await store.close();
});
