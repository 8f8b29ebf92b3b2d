import assert from "node:assert/strict";
import { it } from "node:test";
import { SqliteStore } from "@selvedge/apiserver";
import { lendStore } from "./lent-store.ts";
import { Life } from "./life.ts";
import { SimClock } from "./sim-clock.ts";

const turn = (): Promise<string> => new Promise((resolve) => setImmediate(() => resolve("nothing")));

async function follow(end: (life: Life) => void): Promise<readonly string[]> {
  await using store = Object.assign(new SqliteStore(":memory:"), {
    async [Symbol.asyncDispose]() {
      await store.close();
    },
  });
  const life = new Life(new SimClock());
  const place = lendStore(life, store).subscribe("", 0);
  const heard = place.wait().then(async () => (await place.take()).map(({ key }) => key).join());
  end(life);
  await store.write("a", 0, "1");
  // Who waits for changes goes on in a turn of its own.
  for (let at = 0; at < 3; at++) await turn();
  return [await Promise.race([heard, turn()])];
}

it("a living controller hears what is stored, a dead one does not", async () => {
  assert.deepEqual(await follow(() => undefined), ["a"]);
  assert.deepEqual(await follow((life) => life.end()), ["nothing"]);
});
