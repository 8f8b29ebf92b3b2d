import { after } from "node:test";
import { Log, SystemClock } from "@selvedge/base";
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
