import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "./feed.ts";
import { LogCursor, type OldChanges } from "./log-cursor.ts";

/** More than memory keeps, all of it of another kind. */
function busy(feed: Feed): number {
  const changes = Array.from({ length: 6_000 }, (_, n) => ({
    ...{ revision: feed.newest + n + 1, key: `g/pods/${n}` },
    ...{ value: "v", previous: undefined },
  }));
  feed.publish(changes, feed.newest + changes.length);
  return feed.newest;
}

test("who waited while much else changed need not look for what was not there", async () => {
  const feed = new Feed(10);
  const asked: number[] = [];
  const read = (_prefix: string, from: number): OldChanges => {
    asked.push(from);
    return { changes: [], through: feed.newest };
  };
  const cursor = new LogCursor(feed, "g/leases/", 10, read);
  const waits = cursor.wait();
  const newest = busy(feed);
  assert.ok(feed.floor > 10);
  cursor.wake();
  await waits;
  assert.deepEqual([await cursor.take(), cursor.revision, asked], [[], newest, []]);
  // Of a gap nobody could have told it.
  const again = cursor.wait();
  feed.reset(newest + 500);
  await again;
  assert.deepEqual([await cursor.take(), cursor.revision, asked], [[], newest + 500, [newest]]);
  // Neither has one that does not wait been told.
  const late = new LogCursor(feed, "g/leases/", newest, read);
  late.wake();
  await late.take();
  assert.deepEqual(asked, [newest, newest]);
});
