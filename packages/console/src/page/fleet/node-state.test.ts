import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Condition } from "@selvedge/apimachinery";
import type { EdgeNode, EdgeNodeStatus, Node } from "@selvedge/kinds";
import { conditionOf, type NodeState } from "./node-state.ts";

const made = "2026-11-01T00:00:00Z";
const turned = "2026-11-02T00:00:00Z";
const heard = "2026-11-01T23:57:00Z";

function box(status?: EdgeNodeStatus): EdgeNode {
  const metadata = { name: "a", creationTimestamp: made };
  return {
    apiVersion: "selvedge.dev/v1alpha1",
    kind: "EdgeNode",
    metadata,
    spec: {},
    ...(status && { status }),
  };
}

function node(status: Condition["status"], reason = "EngineReady", more: Partial<Node["spec"]> = {}): Node {
  const ready = { type: "Ready", status, reason, message: "said", lastTransitionTime: turned };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "a" },
    spec: more,
    status: { conditions: [ready] },
  };
}

const said = (type: string, status: Condition["status"], message: string): Condition => ({
  type,
  status,
  message,
});

describe("a node in words", () => {
  const rows: readonly (readonly [
    string,
    EdgeNode | undefined,
    Node | undefined,
    NodeState,
    RegExp,
    string | undefined,
  ])[] = [
    ["one that reports", box({ phase: "Ready" }), node("True"), "ready", /^$/, turned],
    [
      "one that is silent, since it was heard",
      box({ phase: "NotReady", lastSeen: heard }),
      node("Unknown", "NodeStatusUnknown"),
      "silent",
      /no power, no network.*apps go on/,
      heard,
    ],
    [
      "one that is admitted and never came",
      box({ phase: "Enrolled" }),
      node("False", "NotHeardYet"),
      "expected",
      /has not reported/,
      turned,
    ],
    [
      "one that waits",
      box({ phase: "Waiting", conditions: [said("Enrolled", "False", "no profile admits it")] }),
      undefined,
      "waiting",
      /no profile/,
      made,
    ],
    [
      "one that was sent away",
      box({ phase: "Refused", conditions: [said("Enrolled", "False", "revoked")] }),
      undefined,
      "refused",
      /revoked/,
      made,
    ],
    ["one out of service", box({ phase: "Deactivated" }), node("True"), "off", /stopped/, undefined],
    ["one that is registered and was never seen", box(), undefined, "unseen", /never come/, made],
    ["a Node that somebody made", undefined, node("False", "Broken"), "silent", /said/, turned],
  ];
  for (const [what, edgeNode, itsNode, state, why, since] of rows) {
    it(`says it of ${what}`, () => {
      const found = conditionOf(edgeNode, itsNode);
      assert.equal(found.state, state);
      assert.match(found.why, why);
      assert.equal(found.since, since);
    });
  }

  it("says what is wrong with one that is ready", () => {
    const conditions = [
      said("ConfigAccepted", "False", "no"),
      said("MaintenanceMode", "True", "the disk is full"),
      said("HardwareHealthy", "True", "well"),
      said("VaultUnlocked", "False", "no key"),
    ];
    const configError = { field: "apps[0].image", message: "is no image" };
    const found = conditionOf(box({ phase: "Ready", conditions, configError }), node("True"));
    assert.deepEqual(found.faults, [
      "Refused its newest configuration: apps[0].image: is no image",
      "In maintenance: the disk is full",
      "Vault locked: no key",
    ]);
  });

  it("does not call what is under way, or cannot be had, a fault", () => {
    const conditions = ["NotEncrypted", "Fetching"].map((reason, at) => ({
      ...{ ...said(["VaultUnlocked", "SystemUpdated"][at] ?? "", "False", ""), reason },
    }));
    assert.deepEqual(conditionOf(box({ phase: "Ready", conditions }), node("True")).faults, []);
  });

  it("says that it takes no apps", () => {
    assert.match(
      conditionOf(box({ phase: "Ready" }), node("True", "", { unschedulable: true })).notes[0] ?? "",
      /cordoned/,
    );
  });
});
