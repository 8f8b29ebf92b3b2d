/** The suite that every store passes: random use against a model, replicas side by side, deaths in between. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { below, SeededRandom } from "@selvedge/base";
import { inOrder } from "../src/store/keys.ts";
import {
  type Change,
  CompactedError,
  type Page,
  type PageQuery,
  type Row,
  type Store,
} from "../src/store/store.ts";
import { killedWriters, type StorePlace } from "./killed-writers.ts";
import {
  follow,
  keptForSure,
  news,
  plain,
  randomKey,
  StoreModel,
  step,
  type WholeStore,
} from "./store-model.ts";
import { copiesItself, sealsAndReseals } from "./store-upkeep.ts";

/** One set of data, and how stores are opened on it. */
export interface StoreWorld extends AsyncDisposable {
  /** Replicas that may be open at once. */
  readonly replicas: number;
  open(kept: number): Promise<WholeStore>;
  /** Where another process finds the same data; undefined: nowhere. */
  readonly place: StorePlace | undefined;
}

/** More by SELVEDGE_SEEDS, when somebody has the time. */
const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 2);
const steps = 400;
const everything = 1_000_000;

export function storeConformance(
  name: string,
  world: () => Promise<StoreWorld>,
  /** In this process only, no other writes to it, and none makes a copy. */
  options: { readonly skip?: string | undefined; readonly inProcess?: boolean } = {},
): void {
  describe(`store conformance: ${name}`, { skip: options.skip ?? false }, () => {
    it("seals what it is told to, and seals it anew with another key, unnoticed", async () => {
      await using data = await world();
      await sealsAndReseals(await data.open(everything));
    });

    if (!options.inProcess) {
      it("is copied while it is written to, and filled again", async () => {
        await using data = await world();
        await using other = await world();
        await copiesItself(await data.open(everything), await other.open(everything));
      });
    }

    it("lists what was there before more has changed than is looked at in one turn", async () => {
      await using data = await world();
      const store = await data.open(everything);
      await listsLongPast(store);
      await store.close();
    });

    it("gives a few at a time of what is long", async () => {
      await using data = await world();
      const store = await data.open(everything);
      await givesLongOnes(store);
      await store.close();
    });

    it("keeps what is held, up to a bound", async () => {
      await using data = await world();
      const store = await data.open(20);
      await keepsWhatIsHeld(store);
      await store.close();
    });

    for (let seed = 1; seed <= seeds; seed++) {
      it(`does what the model does (seed ${seed})`, async () => {
        await using data = await world();
        const random = new SeededRandom(seed);
        const model = new StoreModel();
        let stores = await openAll(data, keptForSure);
        for (let turn = 0; turn < steps; turn++) {
          await step(stores[below(random, stores.length)] as Store, model, random, turn);
          if (data.place !== undefined && below(random, 100) === 0) {
            await closeAll(stores);
            stores = await openAll(data, keptForSure);
          }
        }
        await closeAll(stores);
      });

      it(`tells every watcher all of the log in its order while many write (seed ${seed})`, async () => {
        await using data = await world();
        await manyWriters(data, new SeededRandom(seed));
      });

      if (options.inProcess) continue;
      it(`keeps what it acknowledged through kill -9 (seed ${seed})`, async () => {
        await using data = await world();
        assert.ok(data.place !== undefined);
        await killedWriters(data.place, data.replicas, seed, () => data.open(everything));
      });
    }
  });
}

/** Writers on every replica fight over few keys; watchers come and go; pages are read; the log is cut meanwhile. */
async function manyWriters(data: StoreWorld, random: SeededRandom): Promise<void> {
  const stores = await openAll(data, everything);
  const writers = stores.flatMap((store, replica) =>
    Array.from({ length: 6 }, (_, index) => writeSome(store, new SeededRandom(replica * 10 + index), 40)),
  );
  const watched = stores.flatMap((store, index) =>
    ["", "a/x/", "b/x/", "a/y/k3"].map((prefix) => new Watcher(store, prefix, index)),
  );
  const paging = pageWhile(stores[below(random, stores.length)] as Store, Promise.all(writers));
  await Promise.all(writers);
  await paging;
  const newest = await (stores[0] as Store).revision();
  const log = await wholeLog(stores[0] as Store, newest);
  assert.deepEqual(
    log.map(({ revision }) => revision),
    Array.from({ length: newest }, (_, index) => index + 1),
  );
  for (const watcher of watched) {
    const seen = await watcher.until(newest);
    assert.deepEqual(plain(seen), plain(follow(log, watcher.prefix, 0)), `watcher of "${watcher.prefix}"`);
  }
  assertChained(log);
  await closeAll(stores);
}

/** Of what was there a third went and a third changed, more came between, and one key changed all the time. */
async function listsLongPast(store: Store): Promise<void> {
  const revisions = new Map<string, number>();
  const put = async (keys: readonly string[], value: string | undefined): Promise<Row[]> =>
    await Promise.all(
      keys.map(async (key) => {
        const outcome = await store.write(key, revisions.get(key) ?? 0, value);
        assert.ok(outcome.type === "written");
        revisions.set(key, value === undefined ? 0 : outcome.revision);
        return { key, revision: outcome.revision, value: value ?? "" };
      }),
    );
  const names = Array.from({ length: 900 }, (_, n) => `a/x/k${String(n).padStart(4, "0")}`);
  const first = await put([...names, "a/x/k0000\u{1f600}", "a/x/k0000\uff5e"], "first");
  const whole = first.sort((one, other) => inOrder(one.key, other.key));
  const revision = await store.revision();
  const third = (rest: number): string[] => names.filter((_, n) => n % 3 === rest);
  await put(third(0), undefined);
  await put(third(1), "later");
  await put(third(0).slice(0, 20), "again");
  // More than one piece of keys that were not there yet, and more changes than one count looks at.
  const between = names.slice(0, 450).flatMap((name) => ["a", "b", "c"].map((end) => `${name}-${end}`));
  await put(between, "new");
  for (let n = 0; n < 100; n++) await put(["a/x/k0002"], `${n}`);
  await put(
    [...names, ...between, ...third(2)].map((name, n) => `a/y/${name.slice(4)}-${n}`),
    "elsewhere",
  );
  for (const bounds of [
    { limit: 1_000 },
    { limit: 512 },
    { limit: 250 },
    {},
    { limit: 400, weight: 1_600 },
  ]) {
    const got: Row[] = [];
    for (let page: Page | undefined; page?.more !== false; ) {
      const after = got.at(-1)?.key;
      const place = { ...bounds, ...(after === undefined ? {} : { after }) };
      page = await store.page({ prefix: "a/x/", revision, counts: true, ...place });
      got.push(...page.rows);
      assert.equal(page.remaining, whole.length - got.length);
    }
    assert.deepEqual(plain(got), whole);
  }
}

/** A list that has begun is there to its end, whatever else is written; one that nobody reads to its end is not. */
async function keepsWhatIsHeld(store: WholeStore): Promise<void> {
  let at = 0;
  const write = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const outcome = await store.write("a/x/one", at, `${n}`);
      if (outcome.type === "written") at = outcome.revision;
    }
  };
  await write(100);
  const held = store.hold(undefined);
  const page = { prefix: "a/x/", revision: await store.revision() };
  const before = await store.page(page);
  await write(100);
  assert.deepEqual((await store.page(page)).rows, before.rows);
  held[Symbol.dispose]();
  // PostgreSQL cuts while others write.
  while (await isThere(store, page)) await write(20);
  assert.throws(() => store.hold(page.revision), CompactedError);
  store.hold(undefined);
  const later = { prefix: "a/x/", revision: await store.revision() };
  await write(150);
  assert.ok(await isThere(store, later));
  while (await isThere(store, later)) await write(20);
}

async function isThere(store: WholeStore, page: PageQuery): Promise<boolean> {
  try {
    await store.page(page);
    return true;
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    return false;
  }
}

/** A page, and a part of the log, are bounded by what they weigh: a hundred long objects are hundreds of megabytes. */
async function givesLongOnes(store: WholeStore): Promise<void> {
  const keys = Array.from({ length: 6 }, (_, n) => `a/x/${n}`);
  const text = (key: string, word: string): string => `${word} ${key} `.padEnd(300_000, "\u00e9");
  const revisions = new Map<string, number>();
  const put = async (word: string): Promise<void> => {
    for (const key of keys) {
      const outcome = await store.write(key, revisions.get(key) ?? 0, text(key, word));
      if (outcome.type === "written") revisions.set(key, outcome.revision);
    }
  };
  await put("first");
  const revision = await store.revision();
  await put("later");
  for (const [word, at] of [["later"], ["first", { revision }]] as const) {
    const got: Row[] = [];
    for (let page: Page | undefined; page?.more !== false; ) {
      const after = got.at(-1)?.key;
      const bounds = { prefix: "a/x/", weight: 1_000_000, ...(after === undefined ? {} : { after }) };
      page = await store.page({ ...bounds, ...at });
      assert.ok(page.rows.length > 0 && page.rows.length <= 4, `${page.rows.length} in a page`);
      got.push(...page.rows);
    }
    assert.deepEqual(
      got.map(({ key, value }) => [key, value === text(key, word)]),
      keys.map((key) => [key, true]),
    );
  }
  // From here on memory has nothing of the log.
  await store.rewrite("none/", (_key, value) => value);
  const log = store.subscribe("a/x/", 0);
  const told: string[] = [];
  while (log.revision < (await store.revision())) {
    const changes = await log.take();
    assert.ok(changes.length <= 4, `${changes.length} changes at once`);
    for (const { key, value, previous } of changes)
      told.push(`${key} ${value?.slice(0, 5)} ${previous?.slice(0, 5)}`);
  }
  log.close();
  const all = [...keys.map((key) => `${key} first undefined`), ...keys.map((key) => `${key} later first`)];
  assert.deepEqual(told, all);
}

/** Each change is of the state that the one before left: nobody wrote over what they had not seen. */
function assertChained(log: readonly Change[]): void {
  const values = new Map<string, string | undefined>();
  for (const { key, value, previous, revision } of log) {
    assert.equal(previous, values.get(key), `revision ${revision} of ${key} is of another state`);
    values.set(key, value);
  }
}

async function writeSome(store: Store, random: SeededRandom, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    const key = randomKey(random);
    const held = await store.get(key);
    const value = held !== undefined && below(random, 4) === 0 ? undefined : `${turn} ${random.next()}`;
    const outcome = await store.write(key, held?.revision ?? 0, value);
    if (outcome.type === "conflict") continue;
    const now = await store.get(key);
    assert.ok(
      (now?.revision ?? Number.POSITIVE_INFINITY) >= outcome.revision,
      "an acknowledged write is seen",
    );
  }
}

/** Every list in pages is one state of the store: the one that whoever replays the log finds there. */
async function pageWhile(store: Store, writing: Promise<unknown>): Promise<void> {
  let writes = true;
  void writing.finally(() => {
    writes = false;
  });
  while (writes) {
    // A store in this process answers without a turn of the event loop, which the writers need.
    await new Promise(setImmediate);
    const { revision } = await store.page({ prefix: "", limit: 1 });
    const keys: string[] = [];
    for (let more = true; more; ) {
      const after = keys.at(-1);
      const page = await store.page({
        prefix: "",
        limit: 3,
        revision,
        ...(after === undefined ? {} : { after }),
      });
      keys.push(...page.rows.map(({ key, revision: of }) => (assert.ok(of <= revision), key)));
      more = page.more;
    }
    const states = new Map<string, boolean>();
    const whole = await wholeLog(store, revision);
    for (const { key, value } of whole) states.set(key, value !== undefined);
    assert.deepEqual(keys, [...states].flatMap(([key, is]) => (is ? [key] : [])).sort());
  }
}

async function wholeLog(store: Store, through: number): Promise<Change[]> {
  const log = store.subscribe("", 0);
  const seen: Change[] = [];
  while (log.revision < through) {
    const taken = await log.take();
    seen.push(...taken);
    if (taken.length === 0 && log.revision < through) await news(log);
  }
  log.close();
  return seen.filter(({ revision }) => revision <= through);
}

class Watcher {
  readonly prefix: string;
  readonly #log: ReturnType<Store["subscribe"]>;
  readonly #seen: Change[] = [];
  readonly #reading: Promise<void>;
  #through = Number.POSITIVE_INFINITY;

  constructor(store: Store, prefix: string, from: number) {
    this.prefix = prefix;
    this.#log = store.subscribe(prefix, Math.min(from, 0));
    this.#reading = this.#read();
  }

  /** What it saw, once it has seen all up to here. */
  async until(revision: number): Promise<Change[]> {
    this.#through = revision;
    this.#log.wake();
    await this.#reading;
    return this.#seen;
  }

  async #read(): Promise<void> {
    while (this.#log.revision < this.#through) {
      const taken = await this.#log.take();
      this.#seen.push(...taken);
      if (taken.length === 0 && this.#log.revision < this.#through) await news(this.#log);
    }
    this.#log.close();
  }
}

async function openAll(data: StoreWorld, kept: number): Promise<Store[]> {
  const stores: Store[] = [];
  for (let index = 0; index < data.replicas; index++) stores.push(await data.open(kept));
  return stores;
}

async function closeAll(stores: readonly Store[]): Promise<void> {
  for (const store of stores) await store.close();
}
