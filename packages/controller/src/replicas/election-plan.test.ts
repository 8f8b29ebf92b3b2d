import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, millis } from "@selvedge/base";
import type { Lease } from "@selvedge/kinds";
import { addressAnnotation, isOver, planLease, type SeenLease } from "./election-plan.ts";

const me = { identity: "me", address: "10.0.0.1:7" };

function seen(holder: string, since: number, transitions = 4): SeenLease {
  const spec: Lease["spec"] = {
    ...{ holderIdentity: holder, leaseDurationSeconds: 3, leaseTransitions: transitions },
    acquireTime: "before",
  };
  const metadata = { name: "x", resourceVersion: "9", annotations: { other: "kept" } };
  return {
    lease: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec },
    since: millis(since),
  };
}

const rules: readonly [
  what: string,
  SeenLease | undefined,
  mono: number,
  transitions: number | "somebody else's",
][] = [
  ["there is none", undefined, 0, 0],
  ["it is mine", seen("me", 0), 1, 4],
  ["it is mine, and I have been away", seen("me", 0), 99_000, 4],
  ["it is another's, and fresh", seen("you", 1000), 3999, "somebody else's"],
  ["it is another's, and has not changed for its time", seen("you", 1000), 4000, 5],
  ["it was given back", seen("", 1000), 1001, 5],
];

for (const [what, lease, mono, transitions] of rules) {
  test(`the lease, when ${what}`, () => {
    const plan = planLease(lease, me, { at: instant(0), mono: millis(mono) });
    if (transitions === "somebody else's") return assert.equal(plan, undefined);
    assert.equal(plan?.spec?.holderIdentity, "me");
    assert.equal(plan.spec.leaseTransitions, transitions);
    assert.equal(plan.metadata.annotations?.[addressAnnotation], me.address);
    // It is written over what was read, and over nothing else.
    assert.equal(plan.metadata.resourceVersion, lease?.lease.metadata.resourceVersion);
    if (lease !== undefined) assert.equal(plan.metadata.annotations?.["other"], "kept");
    assert.equal(plan.spec.acquireTime === "before", lease?.lease.spec?.holderIdentity === "me");
  });
}

test("a lease is judged by its own duration", () => {
  const long = seen("you", 0);
  const lease = { ...long.lease, spec: { ...long.lease.spec, leaseDurationSeconds: 60 } };
  assert.equal(isOver({ lease, since: millis(0) }, millis(59_000)), false);
  assert.equal(isOver({ lease, since: millis(0) }, millis(60_000)), true);
});
