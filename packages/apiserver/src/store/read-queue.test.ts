import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadQueue } from "./read-queue.ts";
import type { Row } from "./store.ts";

const row = (key: string): Row => ({ key, revision: 1, value: key });

test("reads of one turn are one question, each key once, and later ones another", async () => {
  const asked: (readonly string[])[] = [];
  const queue = new ReadQueue(async (keys) => {
    asked.push(keys);
    return keys.filter((key) => key !== "none").map(row);
  });
  assert.deepEqual(await Promise.all(["a", "b", "none", "a"].map((key) => queue.get(key))), [
    row("a"),
    row("b"),
    undefined,
    row("a"),
  ]);
  await queue.get("a");
  assert.deepEqual(asked, [["a", "b", "none"], ["a"]]);
  await Promise.all(Array.from({ length: 1_000 }, (_, n) => queue.get(`${n}`)));
  assert.deepEqual(
    asked.slice(2).map((keys) => keys.length),
    [512, 488],
  );
});

test("a look that fails fails all who wait for it, and no one else", async () => {
  let isDown = true;
  const queue = new ReadQueue(async (keys) => {
    if (isDown) throw new Error("down");
    return keys.map(row);
  });
  const outcomes = await Promise.allSettled([queue.get("a"), queue.get("b"), queue.get("a")]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  isDown = false;
  assert.deepEqual(await queue.get("a"), row("a"));
});
