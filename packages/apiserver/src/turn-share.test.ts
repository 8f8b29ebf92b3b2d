import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "@selvedge/base";
import { BusyClock, LoopTurns } from "../test/busy-clock.ts";
import { TurnShare } from "./turn-share.ts";

test("who comes when a turn's share is used up goes on in a later turn, in the order of coming", async () => {
  using turns = new LoopTurns();
  const share = new TurnShare(new BusyClock());
  const went: (readonly [who: string, turn: number])[] = [];
  const go = async (who: string): Promise<void> => {
    await share.next();
    went.push([who, turns.now]);
  };
  await Promise.all(["a", "b", "c", "d"].map(go));
  assert.deepEqual(
    went.map(([who]) => who),
    ["a", "b", "c", "d"],
  );
  assert.equal(new Set(went.map(([, turn]) => turn)).size, 4);
});

test("while there is time nobody waits", () => {
  const share = new TurnShare(
    new (class extends SystemClock {
      override monotonic = () => 0 as ReturnType<SystemClock["monotonic"]>;
    })(),
  );
  for (let count = 0; count < 1000; count++) assert.equal(share.next(), undefined);
});
