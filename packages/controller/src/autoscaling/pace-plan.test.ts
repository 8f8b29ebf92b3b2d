import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { type HorizontalPodAutoscaler, type ScalingRules, usualRules } from "@selvedge/kinds";
import { noHistory, type PaceHistory, planPace } from "./pace-plan.ts";

const now = instant(Date.parse("2026-11-01T12:00:00Z"));

type Behavior = HorizontalPodAutoscaler["spec"]["behavior"];

/** So many, so many seconds ago. */
const at = (...ages: readonly (readonly [seconds: number, count: number])[]): PaceHistory["recommended"] =>
  ages.map(([seconds, count]) => ({ at: instant(now - seconds * 1000), count }));

interface Row {
  readonly bounds?: readonly [min: number, max: number];
  readonly history?: Partial<PaceHistory>;
  readonly behavior?: Behavior;
}

function paceOf(current: number, recommended: number, { bounds = [1, 1000], history, behavior }: Row) {
  const spec = {
    scaleTargetRef: { kind: "Deployment", name: "d" },
    ...{ minReplicas: bounds[0], maxReplicas: bounds[1], ...(behavior && { behavior }) },
  };
  const past = { ...noHistory, ...history };
  return planPace({ ...{ spec, usual: usualRules, history: past, current, recommended, now } });
}

/** As the API server fills it in. */
const up = (rules: ScalingRules): Behavior => ({
  scaleUp: { ...usualRules.up, ...rules },
  scaleDown: usualRules.down,
});
const down = (rules: ScalingRules): Behavior => ({
  scaleUp: usualRules.up,
  scaleDown: { ...usualRules.down, ...rules },
});
const by = (pods: number, podsIn: number, percent = 0, percentIn = 0): ScalingRules => ({
  policies: [
    ...(pods > 0 ? [{ type: "Pods", value: pods, periodSeconds: podsIn }] : []),
    ...(percent > 0 ? [{ type: "Percent", value: percent, periodSeconds: percentIn }] : []),
  ],
});
const usual = up({});
const done = at([100, 1], [60, 5], [20, 9]);

/** Upstream's own cases (horizontal_test.go). */
const rates: readonly (readonly [
  current: number,
  wanted: number,
  outcome: readonly [number, string],
  Row,
])[] = [
  // Where nothing is said of the pace.
  [5, 7, [7, "DesiredWithinRange"], { bounds: [3, 8] }],
  [3, 1, [2, "TooFewReplicas"], { bounds: [2, 8] }],
  [20, 1000, [10, "TooManyReplicas"], { bounds: [1, 10] }],
  [3, 1000, [6, "ScaleUpLimit"], { bounds: [1, 2000] }],
  [2, 19, [4, "ScaleUpLimit"], {}],
  [1, 19, [4, "ScaleUpLimit"], { history: { added: at([5, 4]) } }],
  // By rules.
  [10, 50, [20, "ScaleUpLimit"], { behavior: usual }],
  [2, 19, [6, "ScaleUpLimit"], { behavior: usual }],
  [10, 500, [110, "ScaleUpLimit"], { behavior: up(by(100, 60, 100, 60)) }],
  [10, 500, [20, "ScaleUpLimit"], { behavior: up(by(2, 60, 100, 60)) }],
  [10, 500, [12, "ScaleUpLimit"], { behavior: up({ ...by(2, 60, 100, 60), selectPolicy: "Min" }) }],
  [10, 500, [10, "ScaleUpLimit"], { behavior: up({ ...by(2, 60), selectPolicy: "Disabled" }) }],
  [10, 50, [50, "DesiredWithinRange"], { behavior: up(by(100, 60)) }],
  [10, 50, [40, "ScaleUpLimit"], { behavior: up(by(30, 60)) }],
  [10, 50, [30, "ScaleUpLimit"], { behavior: up(by(0, 0, 200, 60)) }],
  [100, 2, [80, "ScaleDownLimit"], { behavior: down(by(20, 60, 1, 60)) }],
  [100, 2, [98, "ScaleDownLimit"], { behavior: down(by(2, 60, 1, 60)) }],
  [100, 2, [99, "ScaleDownLimit"], { behavior: down({ ...by(2, 60, 1, 60), selectPolicy: "Min" }) }],
  [100, 2, [100, "ScaleDownLimit"], { behavior: down({ ...by(2, 60), selectPolicy: "Disabled" }) }],
  [10, 0, [1, "TooFewReplicas"], { behavior: down(by(100, 60)) }],
  [10, 2, [5, "TooFewReplicas"], { bounds: [5, 1000], behavior: down(by(0, 0, 100, 60)) }],
  [10, 2, [5, "ScaleDownLimit"], { behavior: down(by(5, 60)) }],
  [10, 5, [5, "DesiredWithinRange"], { behavior: down(by(0, 0, 50, 60)) }],
  // With what was done of late.
  [
    100,
    500,
    [200, "TooManyReplicas"],
    { bounds: [1, 200], behavior: up(by(300, 60)), history: { added: done } },
  ],
  [100, 500, [100, "ScaleUpLimit"], { behavior: up(by(5, 120)), history: { added: done } }],
  [100, 500, [235, "ScaleUpLimit"], { behavior: up(by(150, 120)), history: { added: done } }],
  [100, 500, [255, "ScaleUpLimit"], { behavior: up(by(0, 0, 200, 120)), history: { added: done } }],
  [
    ...([6, 24, [16, "ScaleUpLimit"]] as const),
    { behavior: up(by(0, 0, 300, 300)), history: { added: at([60, 4]), removed: at([60, 2]) } },
  ],
  [10, 5, [5, "DesiredWithinRange"], { behavior: usual, history: { removed: done } }],
  [100, 0, [1, "TooFewReplicas"], { behavior: down(by(115, 120)), history: { removed: done } }],
  [
    100,
    0,
    [5, "TooFewReplicas"],
    { bounds: [5, 1000], behavior: down(by(130, 120)), history: { removed: done } },
  ],
  [100, 2, [100, "ScaleDownLimit"], { behavior: down(by(5, 120)), history: { removed: done } }],
  [
    ...([100, 0, [56, "ScaleDownLimit"]] as const),
    { behavior: down(by(0, 0, 50, 120)), history: { removed: at([100, 2], [60, 4], [20, 6]) } },
  ],
  [
    ...([10, 1, [6, "ScaleDownLimit"]] as const),
    { behavior: down(by(0, 0, 50, 180)), history: { added: at([60, 2]), removed: at([60, 4]) } },
  ],
];

const windows = (upWindow: number, downWindow: number): Behavior => ({
  scaleUp: { ...by(10_000, 60), stabilizationWindowSeconds: upWindow },
  scaleDown: { ...by(10_000, 60), stabilizationWindowSeconds: downWindow },
});

const held: readonly (readonly [
  what: string,
  current: number,
  wanted: number,
  outcome: readonly [number, string],
  recommended: PaceHistory["recommended"],
  behavior?: Behavior,
])[] = [
  // Where nothing is said of the pace: five minutes, downwards only.
  ["nothing before", 5, 5, [5, "ReadyForNewScale"], []],
  ["more before", 5, 3, [5, "ScaleDownStabilized"], at([120, 4], [60, 5])],
  ["less before", 3, 3, [3, "ReadyForNewScale"], at([120, 1], [60, 2])],
  ["more long before", 5, 3, [3, "ReadyForNewScale"], at([600, 10], [540, 9])],
  ["more and long before", 5, 3, [5, "ScaleDownStabilized"], at([600, 10], [60, 4], [120, 5], [540, 9])],
  ["more than there is", 5, 3, [7, "ScaleDownStabilized"], at([60, 7])],
  // By rules.
  ["no window", 100, 5, [5, "ReadyForNewScale"], [], windows(0, 0)],
  ["more within the window", 100, 3, [5, "ScaleDownStabilized"], at([120, 4], [60, 5]), windows(0, 180)],
  ["less within the window", 1, 7, [4, "ScaleUpStabilized"], at([120, 4], [60, 5]), windows(300, 0)],
  ["a window of the other way", 100, 3, [3, "ReadyForNewScale"], at([120, 1], [60, 2]), windows(300, 0)],
  ["a window of the other way", 1, 3, [3, "ReadyForNewScale"], at([120, 4], [60, 5]), windows(0, 300)],
  [
    "some before the window",
    100,
    3,
    [5, "ScaleDownStabilized"],
    at([600, 10], [60, 4], [120, 5]),
    windows(0, 180),
  ],
  ["both windows, down", 2, 1, [2, "ScaleDownStabilized"], at([6000, 2], [180, 3]), windows(300, 300)],
  ["both windows, up", 2, 3, [2, "ScaleUpStabilized"], at([6000, 2], [180, 1]), windows(300, 300)],
];

describe("a pace", () => {
  for (const [current, wanted, outcome, row] of rates) {
    it(`from ${current} to ${wanted} is ${outcome.join(", ")}`, () => {
      const { replicas, limited } = paceOf(current, wanted, row);
      assert.deepEqual([replicas, limited.reason], outcome);
      assert.equal(limited.status, limited.reason === "DesiredWithinRange" ? "False" : "True");
    });
  }

  for (const [what, current, wanted, outcome, recommended, behavior] of held) {
    it(`from ${current} to ${wanted} with ${what} is ${outcome[0]}`, () => {
      const pace = paceOf(current, wanted, { history: { recommended }, ...(behavior && { behavior }) });
      assert.deepEqual([pace.replicas, pace.able.reason], outcome);
    });
  }
});
