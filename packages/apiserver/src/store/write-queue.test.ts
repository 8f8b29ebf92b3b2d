import assert from "node:assert/strict";
import { test } from "node:test";
import type { WriteOutcome } from "./store.ts";
import { type PendingWrite, WriteQueue } from "./write-queue.ts";

/** A database whose commits end when they are told to. */
class Slow {
  readonly groups: string[][] = [];
  #last: PromiseWithResolvers<readonly WriteOutcome[]> | undefined;

  readonly commit = (writes: readonly PendingWrite[]): Promise<readonly WriteOutcome[]> => {
    this.groups.push(writes.map(({ key }) => key));
    this.#last = Promise.withResolvers();
    return this.#last.promise;
  };

  end(): void {
    const size = this.groups.at(-1)?.length ?? 0;
    this.#last?.resolve(Array.from({ length: size }, () => ({ type: "written", revision: 1 })));
  }

  fail(): void {
    this.#last?.reject(new Error("full"));
  }
}

const turn = (): Promise<unknown> => new Promise(setImmediate);

test("a group gathers while another is under way, and begins before that one's writers go on", async () => {
  const slow = new Slow();
  const queue = new WriteQueue(slow.commit);
  const seen: number[] = [];
  const writer = async (key: string): Promise<void> => {
    await queue.add(key, 0, "v");
    seen.push(slow.groups.length);
  };
  const first = [writer("a"), writer("b")];
  await turn();
  const second = [writer("c"), writer("d"), writer("d")];
  await turn();
  assert.deepEqual(slow.groups, [["a", "b"]]);
  slow.end();
  await Promise.all(first);
  assert.deepEqual(
    [slow.groups, seen],
    [
      [
        ["a", "b"],
        ["c", "d"],
      ],
      [2, 2],
    ],
  );
  slow.end();
  await turn();
  assert.deepEqual(slow.groups.at(-1), ["d"], "a second write of a key goes with the next");
  slow.end();
  await Promise.all(second);
  await queue.close();
});

test("a group that fails fails its writers; those after it are written", async () => {
  const slow = new Slow();
  const queue = new WriteQueue(slow.commit);
  const first = assert.rejects(queue.add("a", 0, "v"), /full/);
  await turn();
  const second = queue.add("b", 0, "v");
  slow.fail();
  await first;
  const closing = queue.close();
  await assert.rejects(queue.add("c", 0, "v"), /closed/);
  slow.end();
  assert.deepEqual(await second, { type: "written", revision: 1 });
  await closing;
});
