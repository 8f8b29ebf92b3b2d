import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeList } from "@selvedge/apimachinery";
import { Log, type LogRecord, SeededRandom } from "@selvedge/base";
import {
  listOf,
  ManualClock,
  rest,
  ScriptedObjects,
  type Thing,
  thing,
  things,
} from "../test/scripted-objects.ts";
import { ApiError } from "./errors.ts";
import { Informer, type InformerOptions } from "./informer.ts";
import { keyOf } from "./object-key.ts";
import type { Objects } from "./objects.ts";

const keysOf = (informer: Informer<Thing>): string[] => informer.list().map(keyOf);

interface Bench {
  readonly server: ScriptedObjects;
  readonly clock: ManualClock;
  readonly informer: Informer<Thing>;
  readonly keys: string[];
  readonly owners: string[];
  readonly logged: LogRecord[];
}

async function started(
  first: KubeList<Thing> | Error,
  more: Partial<InformerOptions<Thing>> = {},
  perLook = 0,
): Promise<Bench> {
  const [server, clock] = [new ScriptedObjects(), new ManualClock()];
  clock.perLook = perLook;
  const [keys, owners, logged]: [string[], string[], LogRecord[]] = [[], [], []];
  server.lists.push(first);
  const informer = new Informer<Thing>({
    objects: server as unknown as Objects,
    kind: things,
    clock,
    random: new SeededRandom(1),
    log: new Log("test", clock, (record) => void logged.push(record)),
    indexes: {
      owner: ({ owner }) => {
        clock.look();
        return owner === undefined ? [] : [owner];
      },
    },
    ...more,
  });
  informer.onChange((before, after) => {
    keys.push(keyOf((after ?? before) as Thing));
    const whose = [before?.owner, after?.owner].filter((owner) => owner !== undefined);
    owners.push(...new Set(whose));
  });
  informer.start();
  await rest();
  return { server, clock, informer, keys, owners, logged };
}

const expired = (): ApiError => new ApiError("too old resource version", "Expired", 410);

describe("Informer", () => {
  it("lists, then follows what changes from there", async () => {
    await using bench = disposable(await started(listOf(5, [thing("a", 3)])));
    const { server, informer, keys } = bench;
    await informer.synced;
    assert.equal(informer.get("a", "d")?.metadata.resourceVersion, "3");
    await server.say("ADDED", thing("b", 6));
    await server.say("MODIFIED", thing("a", 7));
    await server.say("DELETED", thing("b", 8));
    assert.deepEqual(keys, ["d/a", "d/b", "d/a", "d/b"]);
    assert.deepEqual(keysOf(informer), ["d/a"]);
    assert.deepEqual(server.calls, ["list", "watch from 5"]);
  });

  it("reads a long list page by page", async () => {
    const [server, clock] = [new ScriptedObjects(), new ManualClock()];
    server.lists.push(listOf(5, [thing("a", 1)], "next"), listOf(5, [thing("b", 2)]));
    const log = new Log("test", clock, () => {});
    const objects = server as unknown as Objects;
    await using informer = new Informer<Thing>({
      objects,
      kind: things,
      clock,
      random: new SeededRandom(1),
      log,
    });
    informer.start();
    await informer.synced;
    await rest();
    assert.deepEqual(keysOf(informer), ["d/a", "d/b"]);
    assert.deepEqual(server.calls, ["list", "list after next", "watch from 5"]);
  });

  it("takes a long list in pieces, with a turn for others between, and is synced after the last", async () => {
    const all = ["a", "b", "c", "d", "e", "f", "g"].map((name) => thing(name, 1));
    await using bench = disposable(await started(listOf(5, all), {}, 4));
    const { server, clock, informer, keys } = bench;
    for (const taken of [3, 6]) {
      assert.deepEqual([informer.size, keys.length, informer.isSynced], [taken, taken, false]);
      assert.deepEqual(server.calls, ["list"]);
      await clock.next();
    }
    await informer.synced;
    assert.deepEqual([keysOf(informer), clock.waits], [all.map(keyOf), [0, 0]]);
    assert.deepEqual(server.calls, ["list", "watch from 5"]);
  });

  it("tells what is gone first, and is not set back by a list that it takes in pieces", async () => {
    const gone = thing("c", 3);
    gone.metadata.uid = "c";
    const held = [thing("a", 1), thing("b", 2), gone, thing("d", 4), thing("e", 5)];
    await using bench = disposable(await started(listOf(5, held)));
    const { server, clock, keys, informer } = bench;
    keys.length = 0;
    clock.perLook = 4;
    const listed = { ...gone, metadata: { ...gone.metadata, resourceVersion: "15" } };
    server.lists.push(listOf(20, [thing("b", 2), listed, thing("g", 16), thing("h", 17)]));
    await server.end(expired());
    await clock.next();
    assert.deepEqual(
      [keys.splice(0), keysOf(informer)],
      [
        ["d/a", "d/d", "d/e"],
        ["d/b", "d/c"],
      ],
    );
    informer.accept(thing("a", 25, "made again"));
    informer.accept(thing("d", 12, "gone since"));
    informer.acceptGone(gone);
    await clock.next();
    assert.deepEqual(keys, ["d/a", "d/c", "d/g", "d/h"]);
    assert.deepEqual(keysOf(informer), ["d/b", "d/a", "d/g", "d/h"]);
    assert.deepEqual([informer.isSynced, server.calls.at(-1)], [true, "watch from 20"]);
  });

  it("goes on where a watch ended, bookmarks counted", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, clock } = bench;
    await server.say("ADDED", thing("a", 6));
    await server.say("BOOKMARK", thing("", 9));
    await server.end("end");
    assert.deepEqual(server.calls, ["list", "watch from 5", "watch from 9"]);
    await server.end(new Error("connection lost"));
    await clock.next();
    assert.deepEqual(server.calls.at(-1), "watch from 9");
  });

  it("tells after a gap only what changed in it", async () => {
    await using bench = disposable(await started(listOf(5, [thing("a", 1), thing("b", 2), thing("c", 3)])));
    const { server, clock, keys, informer } = bench;
    keys.length = 0;
    server.lists.push(listOf(20, [thing("a", 1), thing("b", 15), thing("d", 16)]));
    await server.end(expired());
    await clock.next();
    assert.deepEqual(keys.sort(), ["d/b", "d/c", "d/d"]);
    assert.deepEqual(keysOf(informer).sort(), ["d/a", "d/b", "d/d"]);
    assert.equal(server.calls.at(-1), "watch from 20");
  });

  it("lists again when an ERROR event says the revision is gone", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, clock, logged } = bench;
    server.lists.push(listOf(20, [thing("z", 18)]));
    await server.say("ERROR", { kind: "Status", code: 410, reason: "Expired", metadata: {} } as never);
    await clock.next();
    assert.deepEqual(server.calls, ["list", "watch from 5", "list", "watch from 20"]);
    assert.deepEqual(logged, []);
  });

  it("waits longer after each failure, never more than half a minute, and makes the copy anew", async () => {
    await using bench = disposable(await started(new Error("refused")));
    const { server, clock, informer, logged } = bench;
    for (let failure = 1; failure < 12; failure++) {
      server.lists.push(new Error("refused"));
      await clock.next();
    }
    assert.equal(informer.isSynced, false);
    assert.equal(logged.length, 12);
    const [first = 0] = clock.waits;
    assert.ok(first >= 100 && first <= 200, `${first}`);
    assert.ok(clock.waits.every((wait) => wait <= 30_000));
    assert.ok((clock.waits.at(-1) ?? 0) >= 15_000);
    server.lists.push(listOf(5, [thing("a", 1)]));
    await clock.next();
    await informer.synced;
    for (let failure = 1; failure <= 5; failure++) {
      server.lists.splice(0, 1, listOf(9, []));
      await server.end(new Error("reset"));
      await clock.next();
    }
    assert.equal(server.calls.at(-1), "watch from 9");
  });

  it("does not spin on a watch that ends at once", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, clock } = bench;
    await server.end("end");
    assert.equal(server.calls.length, 2);
    await clock.next();
    assert.deepEqual(server.calls, ["list", "watch from 5", "watch from 5"]);
  });

  it("opens a watch anew that is old, for its connection may be dead", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, clock, logged } = bench;
    await clock.next();
    assert.deepEqual(clock.waits, [300_000]);
    assert.deepEqual(server.calls, ["list", "watch from 5", "watch from 5"]);
    assert.deepEqual(logged, []);
  });

  it("tells whose a thing was that is gone", async () => {
    await using bench = disposable(await started(listOf(5, [thing("a", 1, "red")])));
    const { server, informer, owners } = bench;
    assert.deepEqual(owners.splice(0), ["red"]);
    await server.say("MODIFIED", thing("a", 6, "blue"));
    assert.deepEqual(owners.splice(0), ["red", "blue"]);
    assert.deepEqual(informer.by("owner", "red"), []);
    assert.equal(informer.by("owner", "blue").length, 1);
    await server.say("DELETED", thing("a", 7, "blue"));
    assert.deepEqual(owners, ["blue"]);
    assert.throws(() => informer.by("colour", "blue"), /no index "colour"/);
  });

  it("sees a write before the watch brings it, and is not set back by it", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, informer, keys } = bench;
    informer.accept(thing("a", 8, "new"));
    assert.equal(informer.get("a", "d")?.owner, "new");
    await server.say("ADDED", thing("a", 7, "old"));
    assert.equal(informer.get("a", "d")?.owner, "new");
    await server.say("MODIFIED", thing("a", 8, "new"));
    assert.deepEqual(keys, ["d/a"]);
    await server.say("DELETED", thing("a", 9));
    informer.accept(thing("a", 8, "new"));
    assert.equal(informer.size, 0, "what was deleted since does not come back");
  });

  it("forgets what is gone before the watch says so, and is not reminded by late news", async () => {
    const [old, next] = [thing("a", 3), thing("a", 9)];
    old.metadata.uid = "old";
    next.metadata.uid = "next";
    await using bench = disposable(await started(listOf(5, [old])));
    const { server, informer, keys } = bench;
    informer.acceptGone(old);
    assert.equal(informer.size, 0);
    const late = thing("a", 6);
    late.metadata.uid = "old";
    await server.say("MODIFIED", late);
    assert.equal(informer.size, 0);
    informer.accept(next);
    await server.say("DELETED", { ...late, metadata: { ...late.metadata, resourceVersion: "7" } });
    assert.equal(informer.get("a", "d")?.metadata.uid, "next");
    informer.acceptGone(old);
    assert.equal(informer.size, 1, "another object has the name");
    assert.deepEqual(keys, ["d/a", "d/a", "d/a"]);
  });

  it("tells who comes late of all that is there", async () => {
    await using bench = disposable(await started(listOf(5, [thing("a", 1), thing("b", 2)])));
    const told: unknown[] = [];
    const stop = bench.informer.onChange((before, after) => told.push([before, after?.metadata.name]));
    stop();
    await bench.server.say("ADDED", thing("c", 6));
    assert.deepEqual(told, [
      [undefined, "a"],
      [undefined, "b"],
    ]);
  });

  it("believes a server that was put back to an older state", async () => {
    await using bench = disposable(await started(listOf(50, [thing("a", 40), thing("b", 50)])));
    const { server, clock, informer } = bench;
    server.lists.push(listOf(30, [thing("a", 20, "old")]));
    await server.end(expired());
    await clock.next();
    assert.deepEqual(keysOf(informer), ["d/a"]);
    assert.equal(informer.get("a", "d")?.owner, "old");
  });

  it("gives out frozen objects", async () => {
    await using bench = disposable(await started(listOf(5, [thing("a", 1)])));
    const object = bench.informer.get("a", "d");
    assert.throws(() => {
      if (object !== undefined) object.metadata.name = "b";
    }, TypeError);
  });

  it("goes on when a listener fails", async () => {
    await using bench = disposable(await started(listOf(5, [])));
    const { server, informer, logged, keys } = bench;
    const stop = informer.onChange(() => {
      throw new Error("mine");
    });
    informer.onChange((_before, after) => keys.push(`later ${after?.metadata.name}`));
    await server.say("ADDED", thing("a", 6));
    stop();
    await server.say("ADDED", thing("b", 7));
    assert.deepEqual(keys, ["d/a", "later a", "d/b", "later b"]);
    assert.equal(logged.length, 1);
  });

  it("stops when disposed, and says so to who waits for it", async () => {
    const bench = await started(new Error("refused"));
    await bench.informer[Symbol.asyncDispose]();
    await assert.rejects(bench.informer.synced, /informer of things was stopped/);
    assert.deepEqual(bench.server.calls, ["list"]);
  });
});

function disposable(bench: Bench): Bench & AsyncDisposable {
  return Object.assign(bench, { [Symbol.asyncDispose]: () => bench.informer[Symbol.asyncDispose]() });
}
