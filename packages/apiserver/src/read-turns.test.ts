import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadTurns } from "./read-turns.ts";

test("of many long reads one does a piece in each turn of the event loop, each in its turn", async () => {
  const turns = new ReadTurns();
  const pieces: [turn: number, read: string][] = [];
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const read = async (name: string): Promise<void> => {
    for (let piece = 0; piece < 3; piece++) {
      await turns.next();
      pieces.push([turn, name]);
    }
  };
  await Promise.all(["a", "b", "c", "d"].map(read));
  isOver = true;
  assert.deepEqual(pieces.map(([, name]) => name).join(""), "abcdabcdabcd");
  assert.equal(new Set(pieces.map(([at]) => at)).size, pieces.length, JSON.stringify(pieces));
});
