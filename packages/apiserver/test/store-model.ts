/** What a store must do, as a map and a list: the measure for every real one. */
import assert from "node:assert/strict";
import { below, type SeededRandom } from "@selvedge/base";
import type { Dumpable } from "../src/store/dump.ts";
import type { Rewriting } from "../src/store/encrypted-store.ts";
import {
  type Change,
  CompactedError,
  type Page,
  type Row,
  type Store,
  type Subscription,
} from "../src/store/store.ts";

/** A store with all that can be done to it as a whole. */
export type WholeStore = Store & Dumpable & Rewriting;

export interface Held {
  readonly value: string;
  readonly revision: number;
}

/** Changes that must be there for watchers and pages; older ones may be. */
export const keptForSure = 64;
const folders = ["a/x/", "a/x/n1/", "a/y/", "b/x/"];

export class StoreModel {
  readonly log: Change[] = [];
  readonly held: Map<string, Held> = new Map();
  readonly #states: Row[][] = [[]];

  get revision(): number {
    return this.log.length;
  }

  write(key: string, expected: number, value: string | undefined): number | undefined {
    const before = this.held.get(key);
    if ((before?.revision ?? 0) !== expected || (before === undefined && value === undefined))
      return undefined;
    const revision = this.revision + 1;
    this.log.push({ revision, key, value, previous: before?.value });
    if (value === undefined) this.held.delete(key);
    else this.held.set(key, { value, revision });
    const rows = [...this.held].map(([name, row]) => ({ key: name, ...row }));
    this.#states.push(rows.sort((one, other) => (one.key < other.key ? -1 : 1)));
    return revision;
  }

  at(revision: number, prefix: string): readonly Row[] {
    return (this.#states[revision] ?? []).filter(({ key }) => key.startsWith(prefix));
  }
}

export function randomKey(random: SeededRandom): string {
  return `${randomFolder(random)}k${below(random, 7)}`;
}

function randomFolder(random: SeededRandom): string {
  return folders[below(random, folders.length)] ?? "";
}

/** One step of random use, compared with the model. */
export async function step(
  store: Store,
  model: StoreModel,
  random: SeededRandom,
  turn: number,
): Promise<void> {
  switch (below(random, 10)) {
    case 0: {
      const key = randomKey(random);
      const held = model.held.get(key);
      assert.deepEqual({ ...(await store.get(key)) }, held === undefined ? {} : { key, ...held });
      return;
    }
    case 1: {
      const prefix = randomFolder(random);
      const { revision, rows } = await store.list(prefix);
      assert.deepEqual(plain(rows), model.at(model.revision, prefix));
      assert.equal(revision, model.revision);
      assert.equal(await store.revision(), model.revision);
      return;
    }
    case 2:
      return await pages(store, model, random);
    case 3:
      return await replay(store, model, random);
    default: {
      const key = randomKey(random);
      const right = model.held.get(key)?.revision ?? 0;
      const expected = below(random, 5) === 0 ? below(random, model.revision + 2) : right;
      const value =
        below(random, 3) === 0 ? undefined : `${turn} ümläut "quoted" ${"x".repeat(below(random, 40))}`;
      const outcome = await store.write(key, expected, value);
      const revision = model.write(key, expected, value);
      assert.deepEqual(
        outcome,
        revision === undefined ? { type: "conflict" } : { type: "written", revision },
      );
    }
  }
}

/** A list in pages, at now or at a revision of the past. */
async function pages(store: Store, model: StoreModel, random: SeededRandom): Promise<void> {
  const prefix = randomFolder(random);
  const revision = below(random, model.revision + 1);
  const whole = model.at(revision, prefix);
  const got: Row[] = [];
  for (let page: Page | undefined; page?.more !== false; ) {
    const after = got.at(-1)?.key;
    const query = { prefix, revision, limit: 1 + below(random, 5), counts: true };
    const next = await mayBeGone(model, revision, () =>
      store.page(after === undefined ? query : { ...query, after }),
    );
    if (next === undefined) return;
    page = next;
    got.push(...page.rows);
    assert.equal(page.remaining, whole.length - got.length);
    assert.equal(page.more, got.length < whole.length);
  }
  assert.deepEqual(plain(got), whole);
}

/** A watcher that begins in the past sees everything since, in order. */
async function replay(store: Store, model: StoreModel, random: SeededRandom): Promise<void> {
  const prefix = below(random, 4) === 0 ? randomKey(random) : randomFolder(random);
  const from = below(random, model.revision + 1);
  const log = store.subscribe(prefix, from);
  const seen: Change[] = [];
  while (log.revision < model.revision) {
    const taken = await mayBeGone(model, log.revision, () => log.take());
    if (taken === undefined) return log.close();
    seen.push(...taken);
    // A replica hears of what another one wrote a moment later.
    if (taken.length === 0 && log.revision < model.revision) await news(log);
  }
  log.close();
  assert.deepEqual(plain(seen), plain(follow(model.log, prefix, from)));
}

/** Resolves when there is something to take, and now and then: what does not concern a watcher does not wake it. */
export async function news(log: Subscription): Promise<void> {
  const look = setTimeout(() => log.wake(), 5);
  await log.wait();
  clearTimeout(look);
}

export function follow(log: readonly Change[], prefix: string, from: number): Change[] {
  const matches = (key: string): boolean => (/^$|\/$/.test(prefix) ? key.startsWith(prefix) : key === prefix);
  return log.filter(({ key, revision }) => revision > from && matches(key));
}

/** The past may be gone, but only the past that nobody promised. */
async function mayBeGone<T>(
  model: StoreModel,
  revision: number,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    assert.ok(revision < model.revision - keptForSure, `revision ${revision} of ${model.revision} is gone`);
    return undefined;
  }
}

/** Without the prototypes of database rows. */
export function plain<T extends object>(rows: readonly T[]): T[] {
  return rows.map((row) => ({ ...row }));
}
