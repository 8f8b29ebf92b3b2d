import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { LogOptions } from "@selvedge/apiserver";
import { Log, SystemClock, silentSink } from "@selvedge/base";
import { LogBundleError, readGzipHeader, readLogBundle } from "./log-bundle.ts";
import { LogStore } from "./log-store.ts";

const folder = mkdtempSync(join(tmpdir(), "selvedge-logs-"));
after(() => rmSync(folder, { recursive: true }));
const log = new Log("test", new SystemClock(), silentSink);
const node = "00000000-0000-4000-8000-000000000000";
let apps = 0;
const newApp = (): string => `00000000-0000-4000-9000-${`${++apps}`.padStart(12, "0")}`;
const signal = new AbortController().signal;

interface Line {
  readonly text: string;
  readonly container?: string;
  readonly restart?: number;
  readonly partial?: boolean;
}

function bundle(first: number, ...lines: readonly Line[]): Uint8Array {
  const entries = lines.map(({ text, container = "main", restart = 0, partial }, index) => ({
    ...{ severity: "info", source: "app", iid: container, content: text, msgid: first + index },
    tags: { stream: "stdout", restart: `${restart}`, ...(partial ? { partial: "true" } : {}) },
    timestamp: { seconds: 1_700_000_000 + first + index, nanos: 120_000_000 },
  }));
  return gzipSync(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
}

async function read(store: LogStore, app: string, options: Partial<LogOptions> = {}): Promise<string> {
  const all = { container: "main", follow: false, previous: false, timestamps: false, ...options };
  let text = "";
  for await (const part of store.read(app, all, signal)) text += part;
  return text;
}

describe("LogStore", () => {
  it("gives back what was uploaded once, whatever is uploaded twice, across a restart", async () => {
    const app = newApp();
    const store = await LogStore.open({ folder, log });
    const first = bundle(1, { text: "one" }, { text: "two" });
    await Promise.all([store.appLogs(node, app, first), store.appLogs(node, app, first)]);
    const again = await LogStore.open({ folder, log });
    await again.appLogs(node, app, first);
    await again.appLogs(node, app, bundle(2, { text: "two" }, { text: "three" }));
    assert.equal(await read(again, app), "one\ntwo\nthree\n");
  });

  it("takes what EVE writes: an app's process id, and lines without content", async () => {
    const app = newApp();
    const store = await LogStore.open({ folder, log });
    const said = { severity: "info", source: "guest_vm-x", timestamp: { seconds: 1_700_000_000, nanos: 1 } };
    const lines = [
      { ...said, iid: "17", content: '{"pid":17,"msg":"a"}', msgid: 1 },
      { ...said, msgid: 2 },
      { ...said, content: "b", msgid: 3 },
    ];
    await store.appLogs(node, app, gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
    assert.equal(await read(store, app), '{"pid":17,"msg":"a"}\n\nb\n');
  });

  const rows: readonly (readonly [string, Partial<LogOptions>, string])[] = [
    ["the newest run", {}, "c\nd e\n"],
    ["a tail counts whole lines", { tailLines: 1 }, "d e\n"],
    ["a tail of nothing", { tailLines: 0 }, ""],
    ["a longer tail than there is", { tailLines: 9 }, "c\nd e\n"],
    ["the run before", { previous: true }, "a\nb\n"],
    ["since", { previous: true, since: 1_700_000_002_000 }, "b\n"],
    ["another container", { container: "other" }, "x\n"],
    ["a limit", { limitBytes: 3 }, "c\nd"],
    ["timestamps", { tailLines: 1, timestamps: true }, "2023-11-14T22:13:25.120000000Z d e\n"],
  ];
  for (const [name, options, expected] of rows) {
    it(`selects ${name}`, async () => {
      const app = newApp();
      const store = await LogStore.open({ folder, log });
      const lines: Line[] = [{ text: "a" }, { text: "b" }, { text: "x", container: "other" }];
      const now: Line[] = [{ text: "c" }, { text: "d ", partial: true }, { text: "e" }];
      await store.appLogs(node, app, bundle(1, ...lines, ...now.map((line) => ({ ...line, restart: 1 }))));
      assert.equal(await read(store, app, options), expected);
    });
  }

  it("follows what comes later until the reader goes", async () => {
    const app = newApp();
    const store = await LogStore.open({ folder, log });
    await store.appLogs(node, app, bundle(1, { text: "one" }));
    const stop = new AbortController();
    const options = { container: "main", follow: true, previous: false, timestamps: false };
    const reader = store.read(app, options, stop.signal)[Symbol.asyncIterator]();
    assert.equal(String((await reader.next()).value), "one\n");
    const next = reader.next();
    await store.appLogs(node, app, bundle(2, { text: "two" }));
    assert.equal(String((await next).value), "two\n");
    const end = reader.next();
    stop.abort();
    assert.equal((await end).done, true);
  });

  it("stays within its budget, and drops what was written to longest ago", async () => {
    const own = mkdtempSync(join(folder, "budget-"));
    const store = await LogStore.open({ folder: own, log, budget: 30_000 });
    const [old, newer] = [newApp(), newApp()];
    await store.appLogs(node, old, bundle(1, { text: "o".repeat(20_000) }));
    await store.appLogs(node, newer, bundle(1, { text: "n".repeat(20_000) }));
    assert.equal(await read(store, old), "");
    assert.equal((await read(store, newer)).length, 20_001);
  });

  it("keeps the last of an app that never stops talking", async () => {
    const app = newApp();
    const store = await LogStore.open({ folder, log });
    const text = "z".repeat(60_000);
    for (let round = 0; round < 10; round++) {
      await store.appLogs(node, app, bundle(1 + round * 20, ...Array.from({ length: 20 }, () => ({ text }))));
    }
    const kept = (await read(store, app)).length;
    assert.ok(kept > 4_000_000 && kept < 8 * 1024 * 1024, `${kept} bytes are kept`);
  });

  it("drops what is no bundle, and does not make the node send it again", async () => {
    const app = newApp();
    const store = await LogStore.open({ folder, log });
    await store.appLogs(node, app, Buffer.from("no gzip at all"));
    await store.appLogs(node, app, gzipSync("not json\n"));
    assert.equal(await read(store, app), "");
  });
});

describe("bundles", () => {
  it("have texts in their header", () => {
    const head = Buffer.from("1f8b0818000000000203", "hex");
    const gzip = Buffer.concat([head, Buffer.from('app\0{"devID":"x"}\0')]);
    assert.deepEqual(readGzipHeader(gzip), { name: "app", comment: '{"devID":"x"}' });
    assert.throws(() => readGzipHeader(Buffer.concat([head, Buffer.from("endless")])), LogBundleError);
  });

  it("that would fill the memory are refused", async () => {
    await assert.rejects(readLogBundle(gzipSync(Buffer.alloc(9 * 1024 * 1024))), LogBundleError);
  });
});
