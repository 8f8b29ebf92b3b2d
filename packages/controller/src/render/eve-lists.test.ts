import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Node } from "@selvedge/kinds";
import { inputsOf, one, pod } from "../../test/render-one.ts";
import { openingsMax } from "../network/access-plan.ts";
import { eveJson, eveListBytesMax } from "./eve-lists.ts";
import { planNode } from "./node-config.ts";

const eve = {
  ...{ metadata: { name: "box" }, spec: {} },
  status: { nodeInfo: { containerRuntimeVersion: "eve://unknown" } },
} as unknown as Node;

/** A policy with as many ranges each way as our own nodes take, and a port of the node that all may use. */
const ranges = Array.from({ length: openingsMax }, (_, at) => ({
  ipBlock: { cidr: `198.51.100.${2 * at}/32` },
}));
const policy = {
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
  metadata: { name: "w".repeat(40), namespace: "shop", uid: "p" },
  spec: {
    ...{ podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    ingress: [{ from: ranges, ports: [{ protocol: "TCP", port: 80 }] }],
    egress: [{ to: ranges, ports: [{ protocol: "TCP", port: 443 }] }],
  },
} as never;

function listOn(node: Node | undefined): {
  readonly bytes: number;
  readonly count: number;
  readonly cut: number;
} {
  const wanted = pod(one({ ports: [{ containerPort: 80, hostPort: 80 }] }));
  const plan = planNode(inputsOf([wanted], { policies: [policy], ...(node && { node }) }));
  const { acls, tooMany } = plan.lists.get(wanted.metadata.uid ?? "") ?? { acls: [], tooMany: 0 };
  const bytes = acls.reduce((sum, entry) => sum + eveJson(entry).length + 1, 0);
  return { bytes, count: acls.length, cut: tooMany };
}

describe("an access list that is longer than EVE hands on", () => {
  it("is cut for a box of EVE, and what is cut is told", () => {
    const [ours, theirs] = [listOn(undefined), listOn(eve)];
    assert.deepEqual([ours.count, ours.cut], [3 * openingsMax, 0]);
    assert.ok(ours.bytes > 65_535);
    assert.ok(theirs.bytes <= eveListBytesMax && theirs.bytes > eveListBytesMax - 400, `${theirs.bytes}`);
    assert.equal(theirs.count + theirs.cut, ours.count);
  });
});
