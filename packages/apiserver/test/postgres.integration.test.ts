import assert from "node:assert/strict";
import { after, it } from "node:test";
import { Log, SystemClock } from "@selvedge/base";
import { Client } from "pg";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { PostgresStore } from "../src/index.ts";
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
