import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import {
  emptyBook,
  isUntold,
  nextStep,
  type PortBook,
  type PortConfig,
  withFallback,
  withNewest,
  withResult,
} from "./port-book.ts";

const times = { testMs: 300_000, betterMs: 600_000 };
const config = (digest: string, more: Partial<PortConfig> = {}): PortConfig => ({
  ...{ digest, ports: [], since: instant(0), lastError: "", ...more },
});
const good = { lastSucceeded: instant(1000) };
const bad = { lastFailed: instant(2000), lastError: "no" };
const book = (current: number, ...configs: PortConfig[]): PortBook => ({ configs, current });
const success = { error: undefined, errors: {} };
const failure = (error: string) => ({ error, errors: { wan: error } });
const minute = 60_000;

describe("the next step with the ports", () => {
  const rows: readonly (readonly [string, PortBook, number, number | undefined, object])[] = [
    ["is none without a configuration", emptyBook, 0, undefined, { do: "keep", againMs: times.testMs }],
    ["is to try what is new", book(1, config("b"), config("a", good)), 5000, 1000, { do: "try", index: 0 }],
    [
      "is to apply what was in force after a start",
      book(0, config("a", good)),
      5000,
      undefined,
      { do: "try", index: 0 },
    ],
    [
      "is to leave alone what works",
      book(0, config("a", good)),
      1000 + minute,
      1000,
      { do: "keep", againMs: 4 * minute },
    ],
    [
      "is to test what works, now and then",
      book(0, config("a", good)),
      1000 + 5 * minute,
      1000,
      { do: "try", index: 0 },
    ],
    [
      "is to try soon again what the node makes up itself, while nothing else is known",
      book(0, config("a", { ...bad, lastResort: true })),
      ...([2000 + minute / 2, 2000, { do: "try", index: 0 }] as const),
    ],
    [
      "is to try a newer one again after a while",
      book(1, config("b", bad), config("a", good)),
      ...([2000 + 10 * minute, 2000 + 9 * minute, { do: "try", index: 0 }] as const),
    ],
    [
      "is the next one when the one in force fails",
      book(0, config("b", bad), config("a", bad)),
      3000,
      2000,
      { do: "try", index: 1 },
    ],
    [
      "is the newest when all have failed",
      book(1, config("b", bad), config("a", bad)),
      2000 + 5 * minute,
      2000,
      { do: "try", index: 0 },
    ],
    [
      "waits before it goes round again",
      book(1, config("b", bad), config("a", bad)),
      2000 + minute,
      2000,
      { do: "keep", againMs: 4 * minute },
    ],
  ];
  for (const [name, state, now, tested, wanted] of rows)
    it(name, () => {
      const { why: _why, ...step } = {
        why: "",
        ...nextStep(state, instant(now), tested === undefined ? undefined : instant(tested), times),
      };
      assert.deepEqual(step, wanted);
    });
});

it("ports that are all as somebody beside the node wants them make way for nothing", () => {
  const port = { name: "wan", interface: "eth0", labels: [], uplink: true, cost: 0, local: true };
  const local = config("b", { ports: [port] });
  const after = withResult(book(1, local, config("a", good)), 0, failure("no way"), instant(9000));
  assert.equal(after.current, 0);
  const step = nextStep(after, instant(9000 + times.testMs), instant(9000), times);
  assert.deepEqual(step, { do: "try", index: 0, why: "the one before fails" });
  const mixed = config("b", { ports: [port, { ...port, local: false }] });
  assert.equal(withResult(book(1, mixed, config("a", good)), 0, failure("no way"), instant(9000)).current, 1);
});

describe("the book of ports", () => {
  it("goes back to the last that worked when a new one fails", () => {
    const after = withResult(book(1, config("b"), config("a", good)), 0, failure("no way"), instant(9000));
    assert.deepEqual([after.current, after.configs[0]?.lastError], [1, "no way"]);
    assert.deepEqual(after.configs[0]?.errors, { wan: "no way" }, "and which port it was");
  });

  it("believes a new one that works", () => {
    const after = withResult(book(1, config("b"), config("a", good)), 0, success, instant(9000));
    assert.deepEqual([after.current, after.configs[0]?.lastSucceeded], [0, 9000]);
  });

  it("does not tell of every success", () => {
    const before = book(0, config("a", good));
    assert.equal(withResult(before, 0, success, instant(9000)).configs[0]?.lastSucceeded, 1000);
    assert.equal(withResult(before, 0, success, instant(9_000_000)).configs[0]?.lastSucceeded, 9_000_000);
  });

  it("keeps the one that works among many that do not", () => {
    let state = book(0, config("a", good));
    for (const digest of ["b", "c", "d", "e", "f", "g", "h"]) {
      state = withNewest(state, { digest, ports: [] }, instant(5000));
      state = withResult(state, 0, failure("no"), instant(6000));
    }
    assert.equal(state.configs[state.current]?.digest, "a");
    assert.ok(state.configs.length <= 7, `${state.configs.length}`);
  });

  it("takes the same again for the same", () => {
    const before = book(0, config("a", good));
    assert.equal(withNewest(before, { digest: "a", ports: [] }, instant(1)), before);
  });
});

describe("the node's own idea", () => {
  const own = config("own", { lastResort: true });
  const told = config("told", good);
  const digests = ({ configs, current }: PortBook): unknown[] => [
    configs.map(({ digest }) => digest),
    current,
  ];
  const rows: readonly (readonly [string, PortBook, string | undefined, unknown[]])[] = [
    ["comes behind what it was told", book(0, told), "own", [["told", "own"], 0]],
    ["is there once", book(0, told, own), "own", [["told", "own"], 0]],
    ["is another when other cards are there", book(0, told, own), "more", [["told", "more"], 0]],
    ["stays in force while it is", book(1, config("told", bad), own), "more", [["told", "own", "more"], 1]],
    ["goes when nobody wants it", book(0, told, own), undefined, [["told"], 0]],
    ["stays till something else works", book(0, config("told"), own), undefined, [["told", "own"], 0]],
    ["is all there is", book(0, own), undefined, [["own"], 0]],
    ["is not made behind itself", book(0, own), "more", [["own"], 0]],
    ["is nothing without a card", book(0, told), undefined, [["told"], 0]],
  ];
  for (const [what, before, digest, expected] of rows)
    it(what, () => {
      const fallback = digest === undefined ? undefined : { digest, ports: [] };
      const after = withFallback(before, fallback, instant(9));
      assert.deepEqual(digests(after), expected);
      assert.equal(withFallback(after, fallback, instant(10)), after, "once is enough");
    });

  it("is tried in its turn when what was told leads nowhere", () => {
    const state = withFallback(book(0, config("told", bad)), { digest: "own", ports: [] }, instant(2000));
    assert.equal(nextStep(state, instant(2001), instant(2000), times).do, "try");
    const index = (nextStep(state, instant(2001), instant(2000), times) as { index: number }).index;
    const fell = withResult(state, index, success, instant(2002));
    assert.equal(fell.configs[fell.current]?.digest, "own");
    assert.equal(fell.configs[fell.current]?.lastResort, true);
  });
});

it("nobody has told a box how it speaks while all it has is its own idea", () => {
  assert.equal(isUntold(emptyBook), true);
  assert.equal(isUntold(book(0, config("a", { lastResort: true }))), true);
  assert.equal(isUntold(book(1, config("b"), config("a", { lastResort: true }))), false);
});
