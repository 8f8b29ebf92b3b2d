import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { Worker } from "node:worker_threads";
import { below, SeededRandom } from "@selvedge/base";
import type { Dying } from "../../test/dying-worker.ts";
import { storeConformance } from "../../test/store-conformance.ts";
import type { WorkerPlace } from "./sqlite-file.ts";
import { SqliteStore } from "./sqlite-store.ts";

storeConformance(
  "SQLite in memory",
  async () => ({
    replicas: 1,
    place: undefined,
    open: async (kept) => new SqliteStore(":memory:", "", kept),
    [Symbol.asyncDispose]: async () => {},
  }),
  { inProcess: true },
);

storeConformance("SQLite in a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
  const path = join(folder, "store.db");
  return {
    replicas: 1,
    place: { type: "sqlite", path },
    open: async (kept) => new SqliteStore(path, "", kept),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

let deaths = 0;
after(() => assert.ok(deaths > 20, "threads did die"));

// Each thread dies of one of its groups, and the next one goes on with that.
storeConformance(
  "SQLite in a file, by threads that die",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-store-"));
    const path = join(folder, "store.db");
    const random = new SeededRandom(5);
    const begin = (_program: URL, place: unknown): Worker => {
      const death = (["before", "amid", "after", "idle"] as const)[below(random, 4)] ?? "idle";
      const workerData: Dying = { place: place as WorkerPlace, group: 2 + below(random, 12), death };
      return new Worker(new URL("../../test/dying-worker.ts", import.meta.url), { workerData });
    };
    const onDeath = (): void => void deaths++;
    return {
      replicas: 1,
      place: { type: "sqlite", path },
      open: async (kept) => new SqliteStore(path, "", kept, { begin, onDeath }),
      [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
  { inProcess: true },
);
