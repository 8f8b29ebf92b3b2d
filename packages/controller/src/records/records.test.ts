import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { SqliteStore } from "@selvedge/apiserver";
import type { Records } from "../ports.ts";
import { readRecords, replaceRecords } from "./records-file.ts";
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

async function putSome(records: Records): Promise<void> {
  for (const text of ["one", "two", "three"]) records.put("x", "k", bytes(text));
  records.put("x", "gone", bytes("soon"));
  records.delete("x", "gone");
  await records.settled();
}

function seen(records: Records): (string | undefined)[][] {
  return [...records.entries("x")].map(([key, value]) => [key, text(value)]);
}

describe("records that outlive the process", () => {
  it("are safe in the store when it says so", async () => {
    const store = new SqliteStore(":memory:");
    const records = await StoreRecords.open(store);
    await putSome(records);
    assert.deepEqual(seen(await StoreRecords.open(store)), [["k", "three"]]);
    await store.close();
    records.put("x", "k", bytes("lost"));
    await assert.rejects(records.settled(), /finalized|closed/);
  });

  it("are safe in their file when it says so, and tried again when they were not", async () => {
    using file = new File();
    await using records = new SqliteRecords(file.path);
    await putSome(records);
    assert.deepEqual(file.names(), ["x/k"]);
    using broken = new DatabaseSync(file.path);
    broken.exec("create trigger no before insert on records begin select raise(abort, 'no room'); end");
    records.put("x", "l", bytes("four"));
    await assert.rejects(records.settled(), /no room/);
    assert.equal(text(records.get("x", "l")), "four");
    records.put("x", "l", bytes("five"));
    await assert.rejects(records.settled(), /no room/);
    assert.deepEqual(file.names(), ["x/k"]);
    broken.exec("drop trigger no");
    await records.settled();
    assert.deepEqual(file.names(), ["x/k", "x/l"]);
    assert.equal(text(records.get("x", "l")), "five");
  });

  it("are safe though the thread that writes them dies, again and again", async () => {
    using file = new File();
    const workers: Worker[] = [];
    let deaths = 0;
    const begin = (program: URL, workerData: unknown): Worker => {
      const worker = new Worker(program, { workerData, execArgv: [] });
      workers.push(worker);
      return worker;
    };
    await using records = new SqliteRecords(file.path, { begin, onDeath: () => deaths++ });
    for (let round = 0; round < 12; round++) {
      records.put("x", `${round}`, bytes(`${round}`));
      if (round % 5 === 4) {
        void workers.at(-1)?.terminate();
        await new Promise(setImmediate);
      }
      if (round % 4 === 0) await records.settled();
    }
    await records.settled();
    assert.equal(file.names().length, 12);
    assert.ok(deaths > 1);
  });

  it("show at once what the file gets later, whatever is under way", async () => {
    using file = new File();
    await using records = new SqliteRecords(file.path);
    for (let round = 0; round < 50; round++) {
      records.put("x", `${round % 7}`, bytes(`${round}`));
      if (round % 3 === 0) records.delete("x", `${(round + 1) % 7}`);
      if (round % 5 === 0) await new Promise(setImmediate);
      const shown = seen(records);
      assert.equal(text(records.get("x", `${round % 7}`)), `${round}`);
      assert.deepEqual(
        shown,
        shown.map(([key = ""]) => [key, text(records.get("x", key))]),
      );
    }
    await records.settled();
    assert.deepEqual(
      file.names(),
      seen(records).map(([key]) => `x/${key}`),
    );
  });

  it("are replaced whole or not at all", async () => {
    using file = new File();
    await replaceRecords(file.path, each([["x", "old", bytes("old")]]));
    const cut = async function* (): AsyncGenerator<Entry> {
      yield ["x", "new", bytes("new")];
      throw new Error("the archive is cut short");
    };
    await assert.rejects(replaceRecords(file.path, cut()), /cut short/);
    assert.deepEqual(file.names(), ["x/old"]);
    await replaceRecords(
      file.path,
      each([
        ["y", "1", bytes("one")],
        ["y", "2", bytes("two")],
      ]),
    );
    assert.deepEqual(file.names(), ["y/1", "y/2"]);
  });

  it("live in one file with the objects", async () => {
    using file = new File();
    const store = new SqliteStore(file.path);
    {
      await using records = new SqliteRecords(file.path);
      for (let round = 0; round < 20; round++) {
        records.put("x", `${round}`, bytes(`${round}`));
        assert.equal((await store.write(`/o/${round}`, 0, "{}")).type, "written");
      }
    }
    await store.close();
    assert.equal(file.names().length, 20);
  });
});

type Entry = readonly [bucket: string, key: string, value: Uint8Array];

async function* each(entries: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries;
}

class File implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "selvedge-records-"));
  readonly path: string = join(this.#folder, "controller.db");

  /** What is in it, whoever has it open. */
  names(): string[] {
    return [...readRecords(this.path)].map(([bucket, key]) => `${bucket}/${key}`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
