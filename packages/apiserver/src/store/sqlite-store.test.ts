import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { below, SeededRandom } from "@selvedge/base";
import { SqliteStore } from "./sqlite-store.ts";

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
  const stop = new AbortController();
  for await (const change of store.watch("g/k/", 0, stop.signal)) {
    assert.equal(replayed.get(change.key), change.previous);
    if (change.value === undefined) replayed.delete(change.key);
    else replayed.set(change.key, change.value);
    if (change.revision === revision) break;
  }
  assert.deepEqual(replayed, new Map([...model].map(([key, row]) => [key, row.value])));
  store.close();
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
  store.close();
  rmSync(folder, { recursive: true });
});
