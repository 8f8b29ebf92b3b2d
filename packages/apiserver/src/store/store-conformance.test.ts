import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeConformance } from "../../test/store-conformance.ts";
import { SqliteStore } from "./sqlite-store.ts";

storeConformance(
  "SQLite in memory",
  async () => ({
    replicas: 1,
    place: undefined,
    open: async (kept) => new SqliteStore(":memory:", "", kept),
    [Symbol.asyncDispose]: async () => {},
  }),
  { inMemory: true },
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
