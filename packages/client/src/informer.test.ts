import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import {
  type Clock,
  instant,
  Log,
  type LogRecord,
  type Millis,
  millis,
  SeededRandom,
  type Timer,
} from "@selvedge/base";
import { ApiError } from "./errors.ts";
import { Informer, type InformerOptions } from "./informer.ts";
import { isNewer, keyOf, objectKey, splitKey } from "./object-key.ts";
import type { KindRef, ListOptions, Objects, WatchOptions } from "./objects.ts";

/** Time that passes when a timer is fired. */
class ManualClock implements Clock {
  readonly waits: Millis[] = [];
  #elapsed = 0;
  #timers: { span: Millis; fire: () => void }[] = [];
  now = () => instant(this.#elapsed);
  monotonic = () => millis(this.#elapsed);

  setTimer(span: Millis, fire: () => void): Timer {
    const timer = { span, fire };
    this.#timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  }

  #drop(timer: object): void {
    this.#timers = this.#timers.filter((one) => one !== timer);
  }

  /** Fires the timer that is due first. */
  async next(): Promise<void> {
    const [first] = this.#timers.sort((left, right) => left.span - right.span);
    assert.ok(first !== undefined, "nothing waits");
    this.#drop(first);
    this.#elapsed += first.span;
    this.waits.push(first.span);
    first.fire();
    await rest();
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface Thing extends KubeObject {
  owner?: string;
}

const things: KindRef = { group: "x.dev", version: "v1", kind: "Thing", plural: "things", namespaced: true };

function thing(name: string, revision: number, owner?: string): Thing {
  const metadata = { name, namespace: "d", resourceVersion: `${revision}` };
  return { apiVersion: "x.dev/v1", kind: "Thing", metadata, ...(owner === undefined ? {} : { owner }) };
}

function listOf(revision: number, items: Thing[], next?: string): KubeList<Thing> {
  const metadata = { resourceVersion: `${revision}`, ...(next === undefined ? {} : { continue: next }) };
  return { apiVersion: "x.dev/v1", kind: "ThingList", metadata, items };
}

/** A server that says line by line what the test wrote. */
class ScriptedObjects implements Pick<Objects, "list" | "watch"> {
  readonly calls: string[] = [];
  readonly lists: (KubeList<Thing> | Error)[] = [];
  #events: WatchEvent<Thing>[] = [];
  #end: Error | "end" | undefined;
  #wake = (): void => {};

  async list<T extends KubeObject>(_kind: KindRef, options: ListOptions = {}): Promise<KubeList<T>> {
    this.calls.push(`list${options.continue === undefined ? "" : ` after ${options.continue}`}`);
    const next = this.lists.shift();
    if (next === undefined) throw new Error("the script has no list left");
    if (next instanceof Error) throw next;
    return next as unknown as KubeList<T>;
  }

  async *watch<T extends KubeObject>(_kind: KindRef, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    this.calls.push(`watch from ${options.resourceVersion}`);
    options.signal.addEventListener("abort", () => this.#wake());
    for (;;) {
      for (const event of this.#events.splice(0)) yield event as unknown as WatchEvent<T>;
      options.signal.throwIfAborted();
      const end = this.#end;
      this.#end = undefined;
      if (end === "end") return;
      if (end !== undefined) throw end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async say(type: WatchEvent["type"], object: Thing): Promise<void> {
    this.#events.push({ type, object });
    this.#wake();
    await rest();
  }

  async end(how: Error | "end"): Promise<void> {
    this.#end = how;
    this.#wake();
    await rest();
  }
}

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
): Promise<Bench> {
  const [server, clock] = [new ScriptedObjects(), new ManualClock()];
  const [keys, owners, logged]: [string[], string[], LogRecord[]] = [[], [], []];
  server.lists.push(first);
  const informer = new Informer<Thing>({
    objects: server as unknown as Objects,
    kind: things,
    clock,
    random: new SeededRandom(1),
    log: new Log("test", clock, (record) => void logged.push(record)),
    indexes: { owner: ({ owner }) => (owner === undefined ? [] : [owner]) },
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

describe("keys and revisions", () => {
  it("are made and taken apart", () => {
    assert.deepEqual(splitKey(objectKey("a", "d")), { name: "a", namespace: "d" });
    assert.deepEqual(splitKey(objectKey("a")), { name: "a", namespace: "" });
  });

  it("are compared as numbers of any size", () => {
    for (const [left, right, newer] of [
      ["9", "10", false],
      ["10", "9", true],
      ["7", "7", false],
      ["18446744073709551615", "18446744073709551614", true],
      ["1", undefined, true],
      [undefined, "1", false],
      [undefined, undefined, false],
    ] as const) {
      assert.equal(isNewer(left, right), newer, `${left} after ${right}`);
    }
  });
});
