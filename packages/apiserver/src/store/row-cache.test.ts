import assert from "node:assert/strict";
import { test } from "node:test";
import { below, SeededRandom } from "@selvedge/base";
import { RowCache } from "./row-cache.ts";
import type { Row } from "./store.ts";

test("what is kept of a row is what the last change said", () => {
  const random = new SeededRandom(5);
  const cache = new RowCache();
  const model = new Map<string, Row>();
  for (let revision = 1; revision <= 20_000; revision++) {
    const key = `g/k/${below(random, 6_000)}`;
    const value = below(random, 4) === 0 ? undefined : "v".repeat(below(random, 40));
    cache.apply({ revision, key, value, previous: undefined });
    if (value === undefined) model.delete(key);
    else model.set(key, { key, revision, value });
    const asked = `g/k/${below(random, 6_000)}`;
    const row = cache.get(asked);
    if (row !== undefined) assert.deepEqual(row, model.get(asked));
  }
});

test("rows that were used last stay when others must go", () => {
  const cache = new RowCache();
  const row = (key: string, size: number): Row => ({ key, revision: 1, value: "v".repeat(size) });
  cache.keep(row("often", 1));
  for (let n = 0; n < 10_000; n++) {
    cache.keep(row(`${n}`, 1));
    assert.ok(cache.get("often"));
  }
  assert.equal(cache.get("0"), undefined);
  assert.ok(cache.get("9999"));
  // Each as heavy as half of what all may weigh together.
  for (const key of ["first", "second"]) cache.keep(row(key, 4 * 1024 * 1024));
  assert.ok(cache.get("second"));
  assert.equal(cache.get("often"), undefined);
  cache.clear();
  assert.equal(cache.get("second"), undefined);
});
