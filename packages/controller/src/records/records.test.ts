import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SqliteStore } from "@selvedge/apiserver";
import type { Records } from "../ports.ts";
import { SqliteRecords } from "./sqlite-records.ts";
import { StoreRecords } from "./store-records.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

const makers: Readonly<Record<string, () => Promise<Records>>> = {
  SqliteRecords: async () => new SqliteRecords(":memory:"),
  StoreRecords: () => StoreRecords.open(new SqliteStore(":memory:")),
};

for (const [name, open] of Object.entries(makers)) {
  describe(name, () => {
    tests(open);
  });
}

function tests(open: () => Promise<Records>): void {
  it("gives back what was put, the newest, until it is deleted", async () => {
    const records = await open();
    assert.equal(records.get("a", "k"), undefined);
    records.put("a", "k", bytes("one"));
    records.put("a", "k", bytes("two"));
    records.put("b", "k", bytes("other"));
    assert.equal(text(records.get("a", "k")), "two");
    records.delete("a", "k");
    records.delete("a", "never there");
    assert.equal(records.get("a", "k"), undefined);
    assert.equal(text(records.get("b", "k")), "other");
  });

  it("lists one bucket in key order, and may be written while it is walked", async () => {
    const records = await open();
    for (const key of ["b", "a", "c"]) records.put("x", key, bytes(key));
    records.put("y", "z", bytes("z"));
    const seen: string[] = [];
    for (const [key, value] of records.entries("x")) {
      assert.equal(text(value), key);
      records.delete("x", key);
      seen.push(key);
    }
    assert.deepEqual(seen, ["a", "b", "c"]);
    assert.deepEqual([...records.entries("x")], []);
  });

  it("keeps empty values apart from missing ones", async () => {
    const records = await open();
    records.put("x", "empty", new Uint8Array());
    assert.equal(records.get("x", "empty")?.length, 0);
  });

  it("refuses a value that no caller can mean", async () => {
    const records = await open();
    assert.throws(() => records.put("x", "k", new Uint8Array(16 * 1024 * 1024 + 1)), /x\/k has \d+ bytes/);
  });
}

describe("records that outlive the process", () => {
  it("are safe in the store when it says so", async () => {
    const store = new SqliteStore(":memory:");
    const records = await StoreRecords.open(store);
    for (const text of ["one", "two", "three"]) records.put("x", "k", bytes(text));
    records.put("x", "gone", bytes("soon"));
    records.delete("x", "gone");
    await records.settled();
    const again = await StoreRecords.open(store);
    assert.deepEqual(
      [...again.entries("x")].map(([key, value]) => [key, text(value)]),
      [["k", "three"]],
    );
    await store.close();
    records.put("x", "k", bytes("lost"));
    await assert.rejects(records.settled(), /finalized|closed/);
  });

  it("are loaded whole or not at all", async () => {
    using records = new SqliteRecords(":memory:");
    records.put("x", "old", bytes("old"));
    const names = (): string[] => [...records.all()].map(([bucket, key]) => `${bucket}/${key}`);
    await assert.rejects(
      records.load(
        (async function* () {
          yield ["x", "new", bytes("new")] as const;
          throw new Error("the archive is cut short");
        })(),
      ),
      /cut short/,
    );
    assert.deepEqual(names(), ["x/old"]);
    const fresh = [["y", "1", bytes("one")] as const, ["y", "2", bytes("two")] as const];
    await records.load(
      (async function* () {
        yield* fresh;
      })(),
    );
    assert.deepEqual(names(), ["y/1", "y/2"]);
  });

  it("live in one file with the objects", async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-records-"));
    try {
      const path = join(folder, "controller.db");
      const store = new SqliteStore(path);
      {
        using records = new SqliteRecords(path);
        for (let round = 0; round < 20; round++) {
          records.put("x", `${round}`, bytes(`${round}`));
          assert.equal((await store.write(`/o/${round}`, 0, "{}")).type, "written");
        }
      }
      await store.close();
      using again = new SqliteRecords(path);
      assert.equal([...again.entries("x")].length, 20);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
