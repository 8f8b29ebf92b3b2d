/** Processes that write and are killed at any moment, and what must be true afterwards. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { below, SeededRandom } from "@selvedge/base";
import type { Change, Store } from "../src/store/store.ts";

export type StorePlace =
  | { readonly type: "sqlite"; readonly path: string }
  | { readonly type: "postgres"; readonly url: string };

/** A line that a writing process says of itself, before and after. */
export type Said =
  | {
      readonly say: "asks";
      readonly id: string;
      readonly key: string;
      readonly expected: number;
      readonly value?: string;
    }
  | { readonly say: "told"; readonly id: string; readonly revision: number }
  | { readonly say: "saw"; readonly revision: number; readonly key: string; readonly value?: string }
  | { readonly say: "follows"; readonly revision: number };

const program = join(import.meta.dirname, "writing-process.ts");
const deaths = 3;

/** Writers on as many replicas as there may be, each killed in the middle of it, again and again. */
export async function killedWriters(
  place: StorePlace,
  replicas: number,
  seed: number,
  open: () => Promise<Store>,
): Promise<void> {
  const random = new SeededRandom(seed);
  const writers = Array.from({ length: replicas }, (_, index) => new Writer(place, seed * 10 + index));
  const living = writers.map(async (writer) => {
    for (let life = 0; life < deaths; life++) await writer.live(5 + below(random, 40));
  });
  await Promise.all(living);
  const store = await open();
  const log: Change[] = [];
  const newest = await store.revision();
  const cursor = store.subscribe("", 0);
  while (cursor.revision < newest) log.push(...(await cursor.take()));
  const { rows } = await store.list("");
  await store.close();
  check(writers, log);
  const replayed = new Map<string, string>();
  for (const { key, value } of log) {
    if (value === undefined) replayed.delete(key);
    else replayed.set(key, value);
  }
  assert.deepEqual(
    new Map(rows.map(({ key, value }) => [key, value])),
    replayed,
    "objects are what the log says",
  );
}

function check(writers: readonly Writer[], log: readonly Change[]): void {
  const byRevision = new Map(log.map((change) => [change.revision, change]));
  const asked = new Map<string, Said & { say: "asks" }>();
  for (const said of writers.flatMap((writer) => writer.said)) {
    if (said.say === "asks") asked.set(said.id, said);
    if (said.say !== "told" || said.revision === 0) continue;
    const { key, value } = asked.get(said.id) as Said & { say: "asks" };
    const change = byRevision.get(said.revision);
    assert.deepEqual(
      [change?.key, change?.value],
      [key, value],
      `the acknowledged write ${said.id} is in the log`,
    );
  }
  // Every value names the attempt it came from: nothing is there that nobody asked for, and nothing twice.
  const ids = log.flatMap(({ value }) => (value === undefined ? [] : [JSON.parse(value) as string]));
  assert.equal(new Set(ids).size, ids.length, "no write is done twice");
  assert.ok(ids.every((id) => asked.has(id)));
  for (const writer of writers) {
    const saw = writer.said.filter((said) => said.say === "saw");
    const last = writer.followed;
    const all = log.filter(({ revision }) => revision <= last);
    assert.deepEqual(
      saw.map(({ revision, key, value }) => [revision, key, value]),
      all.map(({ revision, key, value }) => [revision, key, value]),
      "a watcher that goes on where it was misses nothing, sees nothing twice, in order",
    );
  }
  assert.ok(log.length > 0);
}

class Writer {
  readonly said: Said[] = [];
  readonly #place: StorePlace;
  readonly #name: number;
  #lives = 0;

  constructor(place: StorePlace, name: number) {
    this.#place = place;
    this.#name = name;
  }

  /** Where its watcher goes on. */
  get followed(): number {
    const last = this.said.findLast((said) => said.say === "saw" || said.say === "follows");
    return last?.revision ?? 0;
  }

  /** One process, until it has said so many lines. */
  async live(lines: number): Promise<void> {
    const seed = this.#name * 100 + this.#lives++;
    const args = [program, JSON.stringify(this.#place), `${seed}`, `${this.followed}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    const complaints: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
    const gone = once(child, "exit") as Promise<[number | null, string | null]>;
    let heard = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      this.said.push(JSON.parse(line) as Said);
      heard++;
      if (heard === lines) kill(child);
    }
    const [code, signal] = await gone;
    assert.equal(signal, "SIGKILL", `ended with ${code}: ${complaints.join("")}`);
  }
}

function kill(child: ChildProcess): void {
  child.kill("SIGKILL");
}
