import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, Log, SystemClock, silentSink } from "@selvedge/base";
import { type Disk, DiskFullError } from "../../host/disk.ts";
import type { GuestOutput } from "../hypervisor.ts";
import { AppLogs } from "./app-logs.ts";
import { readLog } from "./log-reader.ts";

/** Appends in memory, and refuses when told to. */
class MemoryDisk implements Pick<Disk, "read" | "append" | "size" | "list" | "remove" | "writeDurable"> {
  readonly files = new Map<string, Uint8Array>();
  full = false;
  /** An append begins by this, and ends after it. */
  appending: () => Promise<void> = async () => {};
  /** Not the disk's business, but the test's: whether the configuration wants nothing kept. */
  muted = false;
  async read(path: string): Promise<Uint8Array | undefined> {
    return this.files.get(path);
  }
  async size(path: string): Promise<number | undefined> {
    return this.files.get(path)?.length;
  }
  async list(folder: string): Promise<string[]> {
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split("/")[0] ?? ""))];
  }
  async remove(path: string): Promise<void> {
    for (const name of this.files.keys())
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
  async writeDurable(path: string, content: Uint8Array): Promise<void> {
    this.files.set(path, content);
  }
  async append(path: string, content: Uint8Array): Promise<void> {
    await this.appending();
    if (this.full) throw new DiskFullError("full");
    this.files.set(path, Buffer.concat([this.files.get(path) ?? new Uint8Array(), content]));
  }
}

const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const open = (disk: MemoryDisk): AppLogs =>
  new AppLogs({ disk: disk as unknown as Disk, clock, log, isMuted: () => disk.muted }, "logs", () => {});
const piece = (offset: number, text: string, more: Partial<GuestOutput> = {}): GuestOutput => ({
  ...{ container: 1, attempt: 1, channel: 1, offset, at: instant(1000), bytes: Buffer.from(text) },
  ...more,
});
const query = {
  container: "main",
  attempt: 1,
  follow: false,
  timestamps: false,
  tailLines: undefined,
  limitBytes: undefined,
  since: instant(0),
};

async function text(logs: AppLogs, more: object = {}): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of readLog(logs, { ...query, ...more }, () => true, new AbortController().signal))
    parts.push(part);
  return Buffer.concat(parts).toString();
}

describe("an app's logs", () => {
  it("are what was written, whatever the pieces, and are acknowledged once stored", async () => {
    const logs = open(new MemoryDisk());
    const acknowledged: number[] = [];
    logs.attach((_container, _attempt, offset) => acknowledged.push(offset));
    logs.push("main", piece(0, "one\ntw"));
    assert.equal(await text(logs), "one\ntw");
    logs.push("main", piece(6, "o\nthree"));
    assert.equal(await text(logs), "one\ntwo\nthree");
    assert.equal(await text(logs, { tailLines: 1 }), "two\nthree");
    assert.deepEqual(acknowledged, [6, 13]);
    await logs.close();
  });

  it("drop what an earlier engine stored, and say what is missing", async () => {
    const disk = new MemoryDisk();
    const first = open(disk);
    first.push("main", piece(0, "a\nb\n"));
    await first.flush();
    await first.close();
    const second = open(disk);
    await second.load();
    second.push("main", piece(0, "a\nb\nc\n"));
    second.push("main", piece(16, "d\n"));
    assert.equal(await text(second), "a\nb\nc\n[10 bytes lost while the engine was away]\nd\n");
    await second.close();
  });

  it("keep nothing while the configuration says so (disableLogs), and the app goes on", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    const acknowledged: number[] = [];
    logs.attach((_container, _attempt, offset) => acknowledged.push(offset));
    logs.push("main", piece(0, "before\n"));
    await logs.flush();
    disk.muted = true;
    logs.push("main", piece(7, "secret\n"));
    logs.push("main", piece(20, "lost\n"));
    await logs.flush();
    disk.muted = false;
    logs.push("main", piece(25, "after\n"));
    assert.equal(await text(logs), "before\nafter\n");
    assert.deepEqual(acknowledged, [7, 25, 31]);
    await logs.close();
  });

  it("keep attempts apart", async () => {
    const logs = open(new MemoryDisk());
    logs.push("main", piece(0, "first"));
    logs.push("main", piece(0, "second\n", { attempt: 2 }));
    assert.equal(await text(logs, { attempt: 2 }), "second\n");
    assert.equal(await text(logs), "first\n");
    await logs.close();
  });

  it("lose nothing to a full disk", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    disk.full = true;
    logs.push("main", piece(0, "kept\n"));
    await assert.rejects(logs.flush(), DiskFullError);
    disk.full = false;
    assert.equal(await text(logs), "kept\n");
    await logs.close();
  });

  it("go to the controller in order, once, also over a restart", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    logs.push("main", piece(0, "a\n"));
    await logs.flush();
    logs.push("side", piece(0, "b\n", { container: 2 }));
    await logs.flush();
    const lines = await logs.next(1000);
    assert.deepEqual(
      lines.map((it) => `${it.sequence} ${it.container} ${it.text}`),
      ["1 main a", "2 side b"],
    );
    await logs.sent(1);
    await logs.close();
    const again = open(disk);
    await again.load();
    assert.deepEqual(
      (await again.next(1000)).map((it) => it.text),
      ["b"],
    );
    await again.sent(2);
    assert.equal(again.pending, false);
    await again.close();
  });

  it("go to the controller although it was asked while they were being written", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    logs.push("main", piece(0, "one\n"));
    await logs.flush();
    await logs.sent(1);
    const [begun, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    disk.appending = () => {
      begun.resolve();
      return goesOn.promise;
    };
    logs.push("main", piece(4, "two\n"));
    const flushing = logs.flush();
    await begun.promise;
    assert.equal(logs.pending, false);
    assert.deepEqual(await logs.next(1000), []);
    goesOn.resolve();
    await flushing;
    assert.equal(logs.pending, true);
    assert.deepEqual(
      (await logs.next(1000)).map((it) => it.text),
      ["two"],
    );
    await logs.close();
  });

  it("have each line once when the engine is killed after lines that came while others were written", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    let safe = 0;
    logs.attach((_container, _attempt, offset) => (safe = offset));
    disk.appending = async () => {
      disk.appending = async () => {};
      logs.push("main", piece(4, "two\n"));
    };
    logs.push("main", piece(0, "one\n"));
    await logs.flush();
    const again = open(disk);
    await again.load();
    // The guest sends again what it was not told to forget.
    again.push("main", piece(safe, "one\ntwo\nthree\n".slice(safe)));
    assert.equal(await text(again), "one\ntwo\nthree\n");
    await again.close();
    await logs.close();
  });

  it("are bounded: the oldest go", async () => {
    const disk = new MemoryDisk();
    const logs = open(disk);
    const line = `${"x".repeat(10_000)}\n`;
    const rounds = 2600;
    for (let at = 0; at < rounds; at++) {
      logs.push("main", piece(at * line.length, line));
      if (at % 100 === 0) await logs.flush();
    }
    await logs.flush();
    const total = [...disk.files.values()].reduce((sum, { length }) => sum + length, 0);
    assert.ok(total <= 21 * 2 ** 20, `${total} bytes are kept`);
    assert.equal(await text(logs, { tailLines: 1 }), line);
    await logs.close();
  });
});
