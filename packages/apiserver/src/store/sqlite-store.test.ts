import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { below, SeededRandom } from "@selvedge/base";
import { SqliteStore } from "./sqlite-store.ts";
import { StoreUnavailableError } from "./store.ts";

test("random writes leave what a map would hold, and the log tells the same", async () => {
  const random = new SeededRandom(7);
  const store = new SqliteStore(":memory:");
  const model = new Map<string, { value: string; revision: number }>();
  let revision = 0;
  for (let step = 0; step < 500; step++) {
    const key = `g/k/${below(random, 9)}`;
    const held = model.get(key);
    const stale = below(random, 4) === 0;
    const value = below(random, 3) === 0 && held !== undefined ? undefined : `v${step}`;
    const outcome = await store.write(key, (held?.revision ?? 0) + (stale ? 1 : 0), value);
    assert.equal(outcome.type, stale ? "conflict" : "written");
    if (outcome.type === "conflict") continue;
    assert.equal(outcome.revision, ++revision);
    if (value === undefined) model.delete(key);
    else model.set(key, { value, revision });
  }
  const expected = [...model].map(([key, row]) => ({ key, ...row })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const { rows } = await store.list("g/k/");
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    expected,
  );
  const replayed = new Map<string, string>();
  const cursor = store.subscribe("g/k/", 0);
  while (cursor.revision < revision) {
    for (const change of await cursor.take()) {
      assert.equal(replayed.get(change.key), change.previous);
      if (change.value === undefined) replayed.delete(change.key);
      else replayed.set(change.key, change.value);
    }
  }
  assert.deepEqual(replayed, new Map([...model].map(([key, row]) => [key, row.value])));
  await store.close();
});

test("a reopened store tells of old changes from its file, of new ones from memory, and of none twice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
  const path = join(folder, "store.db");
  const first = new SqliteStore(path);
  await Promise.all(Array.from({ length: 600 }, (_, n) => first.write(`g/k/${n}`, 0, `${n}`)));
  await first.close();
  const store = new SqliteStore(path);
  const all = store.subscribe("g/k/", 0);
  const one = store.subscribe("g/k/7", 600);
  const seen: number[] = [];
  await store.write("g/k/77", 78, "other");
  const woken = one.wait();
  await store.write("g/k/7", 8, undefined);
  await woken;
  assert.deepEqual(
    (await one.take()).map(({ key, value, previous }) => [key, value, previous]),
    [["g/k/7", undefined, "7"]],
  );
  while (all.revision < 602) seen.push(...(await all.take()).map(({ revision }) => revision));
  assert.deepEqual(
    seen,
    Array.from({ length: 602 }, (_, n) => n + 1),
  );
  await store.close();
  rmSync(folder, { recursive: true });
});

test("pages of one list fit together whatever is written between them", async () => {
  const random = new SeededRandom(3);
  const store = new SqliteStore(":memory:");
  const revisions = new Map<string, number>();
  const write = async (key: string, value: string | undefined): Promise<void> => {
    const outcome = await store.write(key, revisions.get(key) ?? 0, value);
    assert.ok(outcome.type === "written");
    if (value === undefined) revisions.delete(key);
    else revisions.set(key, outcome.revision);
  };
  for (let n = 0; n < 40; n++) await write(`g/k/${below(random, 30)}`, `first ${n}`);
  const whole = await store.list("g/k/");
  const got: unknown[] = [];
  let after: string | undefined;
  for (;;) {
    const query = { prefix: "g/k/", limit: 7, revision: whole.revision, counts: true };
    const page = await store.page(after === undefined ? query : { ...query, after });
    got.push(...page.rows.map((row) => ({ ...row })));
    assert.equal(page.remaining, whole.rows.length - got.length);
    after = page.rows.at(-1)?.key;
    if (page.remaining === 0) break;
    for (let n = 0; n < 10; n++) {
      const key = `g/k/${below(random, 40)}`;
      await write(key, revisions.has(key) && below(random, 2) === 0 ? undefined : `later ${n}`);
    }
  }
  assert.deepEqual(
    got,
    whole.rows.map((row) => ({ ...row })),
  );
  await store.close();
});

test("a page of the past lets others have their turn, and so does a watch from then", async () => {
  const store = new SqliteStore(":memory:");
  await store.write("g/k/a", 0, "first");
  await store.write("g/k/z", 0, "first");
  await Promise.all(Array.from({ length: 5_000 }, (_, n) => store.write(`g/k/m${n}`, 0, "later")));
  let turns = 0;
  const count = (): void => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const query = { prefix: "g/k/", revision: 2, counts: true };
  const first = await store.page({ ...query, limit: 1 });
  assert.deepEqual([first.rows.map(({ key }) => key), first.remaining], [["g/k/a"], 1]);
  assert.ok(turns >= 5_000 / 512, `${turns} turns`);
  await store.write("g/o/x", 0, "last");
  const log = store.subscribe("g/o/", 0);
  turns = 0;
  assert.deepEqual(
    (await log.take()).map(({ key }) => key),
    ["g/o/x"],
  );
  assert.ok(turns >= 1, "of what is far down the log");
  log.close();
  clearImmediate(next);
  await store.close();
});

test("what was acknowledged before a kill is there afterwards", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
  const path = join(folder, "store.db");
  const source = JSON.stringify(new URL("./sqlite-store.ts", import.meta.url).href);
  const script = `const { SqliteStore } = await import(${source});
    const store = new SqliteStore(${JSON.stringify(path)});
    for (let n = 1; ; n++) { await store.write("g/k/" + n, 0, "v"); process.stdout.write(n + "\\n");
      await new Promise(setImmediate); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  let output = "";
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.split("\n").length > 30) break;
  }
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const acknowledged = Number(output.trimEnd().split("\n").at(-2));
  const store = new SqliteStore(path);
  assert.ok(acknowledged > 20);
  assert.notEqual(await store.get(`g/k/${acknowledged}`), undefined);
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a thread that is ended at any moment loses nothing acknowledged, and watchers miss nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
  const workers: Worker[] = [];
  let deaths = 0;
  const begin = (program: URL, workerData: unknown): Worker => {
    const worker = new Worker(program, { workerData, execArgv: [] });
    workers.push(worker);
    return worker;
  };
  const store = new SqliteStore(join(folder, "store.db"), "", 1_000, { begin, onDeath: () => deaths++ });
  const log = store.subscribe("g/", 0);
  const told: [key: string, revision: number][] = [];
  const writer = async (name: number): Promise<void> => {
    let revision = 0;
    for (let turn = 0; turn < 60; turn++) {
      // What could not be written was not: the same is asked again, and is no conflict.
      const outcome = await store.write(`g/${name}`, revision, `${turn}`).catch((error: unknown) => {
        assert.ok(error instanceof StoreUnavailableError, String(error));
      });
      if (outcome === undefined) continue;
      assert.ok(outcome.type === "written");
      revision = outcome.revision;
      told.push([`g/${name}`, revision]);
      if (told.length % 9 === 0) void workers.at(-1)?.terminate();
    }
  };
  await Promise.all([1, 2, 3, 4].map(writer));
  const seen: [key: string, revision: number][] = [];
  while (log.revision < (await store.revision())) {
    seen.push(...(await log.take()).map(({ key, revision }): [string, number] => [key, revision]));
  }
  assert.deepEqual(
    seen,
    told.toSorted(([, one], [, other]) => one - other),
  );
  assert.ok(deaths > 5);
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a group that no thread outlives is refused, and what comes next is written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
  const causes: unknown[] = [];
  const begin = (program: URL, workerData: unknown): Worker =>
    causes.length < 2
      ? new Worker("throw new Error('no memory')", { eval: true })
      : new Worker(program, { workerData, execArgv: [] });
  const onDeath = ({ cause }: Error): unknown => causes.push((cause as Error).message);
  const store = new SqliteStore(join(folder, "store.db"), "", 1_000, { begin, onDeath });
  await assert.rejects(store.write("g/1", 0, "v"), /ended with 1; nothing was written/);
  assert.deepEqual(causes, ["no memory", "no memory"]);
  assert.deepEqual(await store.write("g/1", 0, "v"), { type: "written", revision: 1 });
  await store.close();
  rmSync(folder, { recursive: true });
});
