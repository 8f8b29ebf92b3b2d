import assert from "node:assert/strict";
import { after, it } from "node:test";
import { Log, SystemClock } from "@selvedge/base";
import { Client } from "pg";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { waitFor } from "../../harness/src/real/wait.ts";
import { PostgresStore } from "../src/index.ts";
import { CompactedError } from "../src/store/store.ts";
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
