import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backoffDelay } from "./backoff.ts";
import { BoundedQueue, Fifo, LruMap } from "./bounded.ts";
import { collectBytes, concatBytes } from "./bytes.ts";
import { canonicalJson, jsonEqual } from "./canonical-json.ts";
import { cloneJson } from "./clone-json.ts";
import { describeError, formatRecord, Log, type LogRecord } from "./log.ts";
import { SeededRandom, uuid } from "./random.ts";
import { SystemClock } from "./system-clock.ts";
import { SystemRandom } from "./system-random.ts";
import {
  type Clock,
  instant,
  millis,
  seconds,
  sleep,
  toRfc3339,
  toRfc3339Micro,
  toRfc3339Nano,
} from "./time.ts";
import { Turns } from "./turns.ts";

describe("time", () => {
  it("is written as Kubernetes writes it", () => {
    assert.equal(toRfc3339(instant(1_700_000_000_987)), "2023-11-14T22:13:20Z");
    assert.equal(toRfc3339Micro(instant(1_700_000_000_987)), "2023-11-14T22:13:20.987000Z");
    assert.equal(toRfc3339Nano(instant(1_700_000_000_987)), "2023-11-14T22:13:20.987000000Z");
  });

  it("ends a sleep when the signal says so", async () => {
    const stop = new AbortController();
    const sleeping = sleep(new SystemClock(), seconds(1000), stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
    await assert.rejects(sleep(new SystemClock(), seconds(1000), stop.signal), /enough/);
  });
});

describe("turns", () => {
  it("are one a round of the event loop, however many wait", async () => {
    const [clock, told]: [Clock, string[]] = [new SystemClock(), []];
    const [, cancelled] = ["a", "b", "c"].map((name) => clock.setTimer(millis(0), () => told.push(name)));
    cancelled?.cancel();
    for (let round = 1; round <= 3; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      told.push(`${round}`);
    }
    assert.deepEqual(told, ["a", "1", "2", "c", "3"]);
  });

  it("end long work's hold of the program, and change nothing of what comes of it", async () => {
    let [elapsed, rests] = [0, 0];
    const clock = {
      ...{ now: () => instant(0), monotonic: () => millis(elapsed) },
      setTimer: (_span: number, fire: () => void) => {
        rests++;
        queueMicrotask(fire);
        return { cancel: () => {} };
      },
    };
    const work = function* (): Generator<undefined, string> {
      for (let step = 0; step < 10; step++) {
        elapsed += 4;
        yield;
      }
      return "done";
    };
    assert.equal(await new Turns(clock).take(work()), "done");
    assert.equal(rests, 3, "twelve milliseconds each");
  });
});

describe("random", () => {
  it("is the same for the same seed, and makes version 4 UUIDs", () => {
    assert.deepEqual(new SeededRandom(5).bytes(8), new SeededRandom(5).bytes(8));
    assert.notDeepEqual(new SeededRandom(5).bytes(8), new SeededRandom(6).bytes(8));
    assert.match(
      uuid(new SeededRandom(1)),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.equal(new SystemRandom().bytes(70_000).length, 70_000);
  });
});

describe("bounds", () => {
  it("drops the oldest of a queue and counts it", () => {
    const queue = new BoundedQueue<number>(2);
    for (const item of [1, 2, 3]) queue.push(item);
    assert.equal(queue.dropped, 1);
    assert.deepEqual(queue.drain(), [2, 3]);
    assert.equal(queue.size, 0);
  });

  it("forgets what was used longest ago", () => {
    const map = new LruMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.get("a");
    map.set("c", 3);
    assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [1, undefined, 3]);
  });

  it("takes down what it forgets, and what is left at the end", () => {
    const gone: number[] = [];
    const map = new LruMap<string, number>(
      2,
      () => 1,
      (value) => gone.push(value),
    );
    for (const [index, key] of ["a", "b", "c"].entries()) map.set(key, index);
    map.delete("b");
    assert.deepEqual(gone, [0], "what is taken out is the taker's");
    map.clear();
    assert.deepEqual([gone, map.size], [[0, 2], 0]);
  });

  it("gives first what came first, whatever was taken between", () => {
    const random = new SeededRandom(7);
    const [queue, model] = [new Fifo<number>(), [] as number[]];
    for (let item = 0; item < 5000; item++) {
      if (random.next() < 0.55) {
        queue.push(item);
        model.push(item);
      } else assert.equal(queue.take(), model.shift());
      assert.equal(queue.size, model.length);
    }
    queue.clear();
    assert.equal(queue.take(), undefined);
  });

  it("keeps what was used last as an array in order of use does", () => {
    const random = new SeededRandom(9);
    const weights = { limit: 40, of: (value: number) => value % 7 };
    const map = new LruMap<number, number>(weights.limit, weights.of);
    let model: (readonly [key: number, value: number])[] = [];
    for (let value = 0; value < 5000; value++) {
      const key = Math.floor(random.next() * 30);
      const known = model.find(([other]) => other === key);
      const others = model.filter((entry) => entry !== known);
      const act = random.next();
      if (act < 0.1) {
        map.delete(key);
        model = others;
      } else if (act < 0.4) {
        assert.equal(map.get(key), known?.[1]);
        if (known !== undefined) model = [...others, known];
      } else {
        map.set(key, value);
        model = [...others, [key, value]];
        const weight = (): number => model.reduce((sum, entry) => sum + weights.of(entry[1]), 0);
        while (weight() > weights.limit && model.length > 1) model = model.slice(1);
      }
      assert.equal(map.size, model.length);
    }
    for (const [key, value] of model) assert.equal(map.get(key), value);
  });
});

describe("json", () => {
  it("has one text for equal values", () => {
    assert.equal(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null }), '{"a":null,"b":[1,{"c":2,"d":1}]}');
  });

  for (const [left, right, equal] of [
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[1, 2], [2, 1], false],
    [{ a: [] }, { a: {} }, false],
    [null, undefined, false],
  ] as const) {
    it(`${JSON.stringify(left)} ${equal ? "equals" : "differs from"} ${JSON.stringify(right)}`, () => {
      assert.equal(jsonEqual(left, right), equal);
    });
  }
});

describe("log", () => {
  it("writes one line with names, fields and causes", () => {
    const records: LogRecord[] = [];
    const clock = new SystemClock();
    const error = new Error("cannot launch", { cause: new Error("no memory") });
    new Log("engine", clock, (record) => records.push(record))
      .child("app")
      .warn("failed", { error, big: 5n });
    const line = JSON.parse(formatRecord(records[0] as LogRecord));
    assert.equal(line.logger, "engine.app");
    assert.equal(line.error, "cannot launch: no memory");
    assert.equal(line.big, "5");
  });

  it("ends a circle of causes", () => {
    const error = new Error("round");
    error.cause = error;
    assert.equal(describeError(error).split(": ").length, 8);
  });
});

describe("backoffDelay", () => {
  it("doubles up to its bound and leaves half to chance", () => {
    const policy = { first: seconds(1), max: seconds(60) };
    const random = new SeededRandom(7);
    for (const [failures, full] of [
      [1, 1000],
      [2, 2000],
      [6, 32_000],
      [7, 60_000],
      [10_000, 60_000],
    ] as const) {
      const delay = backoffDelay(policy, failures, random);
      assert.ok(delay >= full / 2 && delay <= full, `${failures} failures: ${delay}`);
    }
  });
});

describe("cloneJson", () => {
  it("shares nothing with the original, whatever the names are", () => {
    const original = JSON.parse('{"a":[1,{"b":null}],"__proto__":{"c":true}}') as { a: unknown[] };
    const copy = cloneJson(original);
    assert.equal(JSON.stringify(copy), JSON.stringify(original));
    copy.a.push("more");
    assert.equal(original.a.length, 2);
    assert.equal(Object.getPrototypeOf(copy), Object.prototype);
  });
});

describe("bytes", () => {
  it("are collected up to a bound, and not one more", async () => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1, 2);
      yield Uint8Array.of(3);
    }
    const tooLong = (): Error => new RangeError("too long");
    assert.deepEqual(await collectBytes(parts(), 3, tooLong), Uint8Array.of(1, 2, 3));
    await assert.rejects(collectBytes(parts(), 2, tooLong), RangeError);
    assert.deepEqual(concatBytes([]), new Uint8Array());
  });
});
