import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { after, it } from "node:test";
import { Log, SystemClock, seconds } from "@selvedge/base";
import { Client } from "pg";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { SimClock } from "../../harness/src/sim-clock.ts";
import { PostgresStore } from "../src/index.ts";
import {
  CompactedError,
  OutcomeUnknownError,
  StoreTimeoutError,
  StoreUnavailableError,
} from "../src/store/store.ts";
import { storeConformance } from "./store-conformance.ts";

const missing = postgresMissing();
const clock = new SystemClock();
const log = new Log("store", clock, () => {});
const server = missing === undefined ? await PostgresServer.start() : undefined;
after(() => server?.[Symbol.asyncDispose]());
let databases = 0;

storeConformance(
  "PostgreSQL, three replicas",
  async () => {
    const url = (await server?.database(`conformance_${++databases}`)) ?? "";
    return {
      replicas: 3,
      place: { type: "postgres", url },
      open: (kept) => PostgresStore.open({ url, clock, log, kept }),
      [Symbol.asyncDispose]: async () => {},
    };
  },
  { skip: missing },
);

it("leaves tables of a newer version alone, and says so at once", { skip: missing ?? false }, async () => {
  const url = (await server?.database("newer")) ?? "";
  await (await PostgresStore.open({ url, clock, log })).close();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("insert into selvedge_schema values (99)");
  await client.end();
  const error = /^Error: the store was written by a newer version \(99\); this one knows \d+$/;
  await assert.rejects(PostgresStore.open({ url, clock, log }), error);
});

it("cuts a log that was not cut for long in pieces, beside writers", { skip: missing ?? false }, async () => {
  const url = (await server?.database("behind")) ?? "";
  await (await PostgresStore.open({ url, clock, log })).close();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`insert into selvedge_changes select n, '', 'a/' || n, '{}', null, 0
    from generate_series(1, 62000) n`);
  await client.query("update selvedge_store set revision = 62000");
  const store = await PostgresStore.open({ url, clock, log, kept: 10 });
  const write = async (name: string): Promise<void> => {
    for (let n = 0; n < 10; n++) assert.equal((await store.write(`${name}/${n}`, 0, "{}")).type, "written");
  };
  const left = (count: number): Promise<true> =>
    waitFor(`${count} changes`, async () => {
      const { rows } = await client.query<{ count: number; least: number; compacted: number }>(`select
        count(*)::float8 as count, min(c.revision)::float8 as least, s.compacted::float8 as compacted
        from selvedge_changes c, selvedge_store s group by s.compacted`);
      const [log] = rows;
      assert.ok(log !== undefined && log.least <= log.compacted + 1, "what is gone has been said to be");
      return log.count === count ? true : undefined;
    });
  await write("b");
  await left(12_010);
  await assert.rejects(store.page({ prefix: "a/", revision: 61_000, counts: false }), CompactedError);
  await write("c");
  await left(10);
  await store.close();
  await client.end();
});

/** Time of the store's own passes when told to; more reads than are done at once, and a write. */
async function timed(database: string, port?: number) {
  const time = new SimClock();
  const url = (await server?.database(database)) ?? "";
  const through = server?.urlOf(database, "127.0.0.1", port) ?? url;
  const store = await PostgresStore.open({ url: through, clock: time, log });
  for (let n = 0; n < 9; n++) await store.write(`a/${n}`, 0, "{}");
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  const ask = () => {
    const reads = Array.from({ length: 20 }, () => store.page({ prefix: "a/", limit: 5 }));
    const all = Promise.allSettled([store.get("a/1"), ...reads]);
    const write = Promise.allSettled([store.write("a/0", 1, "{}")]);
    let isSettled = false;
    void Promise.race([all, write]).then(() => (isSettled = true));
    return { all, write, isSettled: () => isSettled };
  };
  /** Lets time pass until all is answered: a step each time the real database has had a moment. */
  const answered = async (asked: ReturnType<typeof ask>, step = 1): Promise<(Error | undefined)[]> => {
    let results: PromiseSettledResult<unknown>[] | undefined;
    void Promise.all([asked.all, asked.write]).then(([all, write]) => (results = [...all, ...write]));
    const found = await waitFor("answers", async () => {
      await time.pass(seconds(step));
      return results;
    });
    return found.map((result) => (result.status === "rejected" ? (result.reason as Error) : undefined));
  };
  return { time, store, client, ask, answered };
}

const names = (errors: readonly (Error | undefined)[]): string[] => [
  ...new Set(errors.map((error) => error?.name ?? "answered")),
];

it("waits for a slow database as long as a request may", { skip: missing ?? false }, async () => {
  const { time, store, client, ask, answered } = await timed("slow");
  await client.query("begin");
  await client.query("lock table selvedge_objects in access exclusive mode");
  const patient = ask();
  await time.pass(seconds(50));
  assert.equal(patient.isSettled(), false);
  await client.query("commit");
  assert.deepEqual(names(await answered(patient)), ["answered"]);

  await client.query("begin");
  await client.query("lock table selvedge_objects in access exclusive mode");
  const errors = await answered(ask(), 10);
  assert.deepEqual(names(errors), [StoreTimeoutError.name, OutcomeUnknownError.name]);
  await client.query("commit");
  assert.deepEqual(names(await answered(ask())), ["answered"]);
  await client.end();
  await store.close();
});

it("asks again when an answer is lost, and tells all who wait of a database that is gone", {
  skip: missing ?? false,
}, async () => {
  const relay = new Relay(server?.port ?? 0);
  const port = await relay.listen(0);
  const { store, client, ask, answered } = await timed("lost", port);
  relay.loseAnswers();
  assert.deepEqual(names(await answered(ask())), ["answered"]);
  await relay.close();
  assert.deepEqual(names(await answered(ask())), [StoreUnavailableError.name]);
  await relay.listen(port);
  assert.deepEqual(names(await answered(ask())), ["answered"]);
  await client.end();
  await store.close();
  await relay.close();
});

/** Stands between the store and the database, and can keep what comes back on the connections that are there now. */
class Relay {
  readonly #port: number;
  readonly #server = createServer((near) => this.#relay(near));
  readonly #far = new Map<Socket, Socket>();

  constructor(port: number) {
    this.#port = port;
  }

  async listen(port: number): Promise<number> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as { readonly port: number }).port;
  }

  loseAnswers(): void {
    for (const [far, near] of this.#far) far.unpipe(near).resume();
  }

  async close(): Promise<void> {
    for (const sockets of this.#far) for (const socket of sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #relay(near: Socket): void {
    const far = connect(this.#port, "127.0.0.1");
    this.#far.set(far, near);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    far.pipe(near).pipe(far);
  }
}
