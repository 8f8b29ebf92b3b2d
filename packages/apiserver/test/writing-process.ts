/** Writes to a store and watches it, says what it does line by line, and never ends by itself. */
import { below, Log, SeededRandom, SystemClock } from "@selvedge/base";
import { PostgresStore, SqliteStore, type Store } from "../src/index.ts";
import type { Said, StorePlace } from "./killed-writers.ts";
import { randomKey } from "./store-model.ts";

const [place, seed, from] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  StorePlace,
  number,
  number,
];
const everything = 1_000_000;
const random = new SeededRandom(seed);
const clock = new SystemClock();

// Writing to a pipe is done when it returns: what was said before a kill is heard.
const say = (said: Said): unknown => process.stdout.write(`${JSON.stringify(said)}\n`);

async function write(store: Store, writer: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const key = randomKey(random);
    const held = await store.get(key);
    const id = `${seed}.${writer}.${turn}`;
    const gone = held !== undefined && below(random, 4) === 0;
    const expected = held?.revision ?? 0;
    const value = gone ? {} : { value: JSON.stringify(id) };
    say({ say: "asks", id, key, expected, ...value });
    const outcome = await store.write(key, expected, value.value);
    say({ say: "told", id, revision: outcome.type === "written" ? outcome.revision : 0 });
  }
}

async function watch(store: Store): Promise<never> {
  const log = store.subscribe("", from);
  for (;;) {
    for (const { revision, key, value } of await log.take()) {
      say({ say: "saw", revision, key, ...(value === undefined ? {} : { value }) });
    }
    await log.wait();
  }
}

const store =
  place.type === "sqlite"
    ? new SqliteStore(place.path, "", everything)
    : await PostgresStore.open({
        url: place.url,
        clock,
        log: new Log("store", clock, () => {}),
        kept: everything,
      });
await Promise.all([watch(store), write(store, 1), write(store, 2), write(store, 3)]);
