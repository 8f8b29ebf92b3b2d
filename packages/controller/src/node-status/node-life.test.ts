import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, millis, seconds } from "@selvedge/base";
import type { EdgeNode, Pod } from "@selvedge/kinds";
import {
  type Hearing,
  isUnlinked,
  type Life,
  lastSeenAge,
  lifeOf,
  readinessFor,
  readyCondition,
  silenceOf,
  taintsFor,
} from "./node-life.ts";

const at = instant(Date.parse("2026-01-01T00:00:00Z"));
const silence = seconds(180);

function hearing(now: number, seen: number | undefined, more: Partial<Hearing> = {}): Hearing {
  return {
    lastSeen: seen === undefined ? undefined : { at, mono: seconds(seen) },
    started: seconds(0),
    linked: false,
    now: seconds(now),
    ...more,
  };
}

describe("a node", () => {
  const rows: readonly (readonly [string, Hearing, boolean, Life["is"]])[] = [
    ["that polls is heard", hearing(1000, 950), true, "heard"],
    ["that missed two polls is heard", hearing(1000, 821), true, "heard"],
    ["that missed three is silent", hearing(1000, 820), true, "silent"],
    ["with a link is heard, however long it says nothing", hearing(1000, 1, { linked: true }), true, "heard"],
    ["known from before a start has its full time", hearing(100, undefined), true, "heard"],
    ["and then is silent", hearing(180, undefined), true, "silent"],
    ["that never came is expected, not silent", hearing(1000, undefined), false, "expected"],
  ];
  for (const [name, what, known, expected] of rows) {
    it(name, () => assert.equal(lifeOf(what, silence, known ? at : undefined).is, expected));
  }

  for (const [name, what, unlinked] of [
    ["that was not heard since a start may have one soon", hearing(100, undefined), false],
    ["that was heard since has none", hearing(100, 50), true],
    ["that used up its time has none", hearing(180, undefined), true],
    ["with one has one", hearing(100, 50, { linked: true }), false],
  ] as const)
    it(`${name}: a link`, () => assert.equal(isUnlinked(what, lifeOf(what, silence, at)), unlinked));

  it("may be silent for three of its own intervals, an hour at most", () => {
    const of = (interval?: string): number =>
      silenceOf({
        spec: interval === undefined ? {} : { settings: { "timer.config.interval": interval } },
      } as unknown as EdgeNode);
    assert.deepEqual([of(), of("10"), of("7200"), of("soon")], [180_000, 30_000, 3_600_000, 180_000]);
  });

  for (const [nodes, linked, age] of [
    [1, false, 60],
    [600, false, 60],
    [1200, false, 120],
    [50_000, false, 600],
    [1, true, 600],
  ] as const) {
    it(`${linked ? "with" : "without"} a link, of ${nodes}, has its last request stored to ${age} s`, () =>
      assert.equal(lastSeenAge(nodes, linked), seconds(age)));
  }

  it("that is silent says since when, and keeps new Pods away only", () => {
    const life: Life = { is: "silent", since: at };
    const says = readyCondition(life, silence);
    assert.equal(says.status, "Unknown");
    assert.match(says.message, /not been heard since 2026-01-01T00:00:00Z, .* at least every 60s/);
    const taints = taintsFor([{ key: "mine", effect: "NoSchedule" }], life, at);
    assert.deepEqual(
      taints?.map(({ key, effect }) => `${key}:${effect}`),
      ["mine:NoSchedule", "node.kubernetes.io/unreachable:NoSchedule"],
    );
    assert.equal(taintsFor(taints, life, at), undefined);
    const back: Life = { is: "heard", until: millis(0) };
    assert.deepEqual(taintsFor(taints, back, at), [{ key: "mine", effect: "NoSchedule" }]);
  });
});

describe("a Pod of a silent node", () => {
  const pod: Pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "p" } },
    spec: { containers: [{ name: "c", image: "i" }] },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [
        { name: "c", ready: true, restartCount: 0, image: "i", imageID: "", state: { running: {} } },
      ],
    },
  };

  it("keeps running with nobody knowing, and is ready again when its node is heard", () => {
    const status = structuredClone(pod.status ?? {});
    const ready = (): string | undefined => status.conditions?.find(({ type }) => type === "Ready")?.status;
    assert.equal(readinessFor(pod, status, { is: "silent", since: at }, at), true);
    assert.deepEqual([status.phase, ready()], ["Running", "Unknown"]);
    assert.equal(readinessFor(pod, status, { is: "silent", since: at }, at), false);
    assert.equal(readinessFor(pod, status, { is: "heard", until: millis(0) }, at), true);
    assert.equal(ready(), "True");
    assert.equal(readinessFor(pod, status, { is: "heard", until: millis(0) }, at), false);
  });
});
