import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import type { Pod, PodDisruptionBudget } from "@selvedge/kinds";
import { budgetStatus, covers } from "./budget-plan.ts";

const now = instant(Date.parse("2026-01-01T00:00:00Z"));

function podOf(name: string, ready: boolean): Pod {
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: "a" } }, spec: { containers: [] } },
    status: { phase: "Running", conditions },
  } as Pod;
}

function budgetOf(
  spec: PodDisruptionBudget["spec"],
  disruptedPods: Record<string, string> = {},
): PodDisruptionBudget {
  return {
    ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "b", generation: 2 }, spec },
    status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptedPods },
  };
}

describe("a budget", () => {
  const rows: readonly (readonly [string, PodDisruptionBudget["spec"], string, number, number])[] = [
    ["a number that must stay", { minAvailable: 2 }, "yyy", 3, 1],
    ["a number that must stay, and does not", { minAvailable: 2 }, "yn", 2, 0],
    ["a share that must stay, rounded up", { minAvailable: "50%" }, "yyy", 3, 1],
    ["a number that may be missing", { maxUnavailable: 1 }, "yyy", 3, 1],
    ["a number that may be missing, and is", { maxUnavailable: 1 }, "yyn", 3, 0],
    ["a share that may be missing, rounded up", { maxUnavailable: "30%" }, "yyyy", 4, 2],
    ["more wanted than there are", { maxUnavailable: 1 }, "yy", 4, 0],
    ["nothing at all", { minAvailable: 0 }, "", 0, 0],
  ];
  for (const [what, spec, pods, expected, allowed] of rows) {
    it(`of ${what} lets ${allowed} go`, () => {
      const list = [...pods].map((one, at) => podOf(`p${at}`, one === "y"));
      assert.equal(
        budgetStatus({ budget: budgetOf(spec), pods: list, expected, now }).disruptionsAllowed,
        allowed,
      );
    });
  }

  it("counts those that were let go and are not gone, for a while", () => {
    const pods = [podOf("p0", true), podOf("p1", true)];
    const budget = budgetOf({ minAvailable: 1 }, { p0: "2025-12-31T23:59:00Z" });
    assert.equal(budgetStatus({ budget, pods, expected: 2, now }).disruptionsAllowed, 0);
    const old = budgetOf({ minAvailable: 1 }, { p0: "2025-12-31T23:50:00Z" });
    const status = budgetStatus({ budget: old, pods, expected: 2, now });
    assert.deepEqual([status.disruptionsAllowed, status.disruptedPods], [1, undefined]);
  });

  it("says why it cannot tell", () => {
    const { conditions, disruptionsAllowed } = budgetStatus({
      ...{
        budget: budgetOf({ maxUnavailable: 1 }),
        pods: [podOf("p", true)],
        expected: { fault: "no owner" },
        now,
      },
    });
    assert.deepEqual(
      [disruptionsAllowed, conditions?.[0]?.reason, conditions?.[0]?.message],
      [0, "SyncFailed", "no owner"],
    );
  });

  it("covers all Pods, none, or those that match", () => {
    const pod = podOf("p", true);
    assert.deepEqual(
      [
        covers(budgetOf({ selector: {} }), pod),
        covers(budgetOf({}), pod),
        covers(budgetOf({ selector: { matchLabels: { app: "b" } } }), pod),
      ],
      [true, false, false],
    );
  });
});
