import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { AdmissionRequest, Operation } from "../admission.ts";
import { nodeRestriction } from "./node-restriction.ts";

/** Throws what is refused; a restriction that asks nothing would let all pass. */
function validate(request: AdmissionRequest): void {
  assert.ok(nodeRestriction.validate !== undefined);
  nodeRestriction.validate(request);
}

const box = { name: "system:node:box", groups: ["system:nodes", "system:authenticated"] };

function kind(name: string, group = ""): KindDefinition {
  const plural = `${name.toLowerCase()}s`;
  return {
    group,
    version: "v1",
    kind: name,
    plural,
    singular: "",
    namespaced: true,
    columns: [],
    schema: {},
  };
}

const [node, pod, lease] = [kind("Node"), kind("Pod"), kind("Lease", "coordination.k8s.io")];

function object(name: string, more: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "X", metadata: { name, namespace: "a" }, ...more };
}

function labelled(label: string): KubeObject {
  return { ...object("box"), metadata: { name: "box", labels: { [label]: "x" } } };
}

const here = object("p", { spec: { nodeName: "box" } });
const there = object("p", { spec: { nodeName: "crate" } });
const tainted = object("box", { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } });

type Row = readonly [
  what: string,
  Operation,
  KindDefinition,
  object: KubeObject | undefined,
  old: KubeObject | undefined,
  refusal?: RegExp,
];

const rows: readonly Row[] = [
  ["registers itself", "CREATE", node, object("box"), undefined],
  [
    "registers another",
    "CREATE",
    node,
    object("crate"),
    undefined,
    /"box" is not allowed to modify node "crate"/,
  ],
  ["labels itself", "UPDATE", node, labelled("zone"), object("box")],
  [
    "takes a guarded label",
    ...(["UPDATE", node, labelled("node-restriction.kubernetes.io/safe"), object("box")] as const),
    /not allowed to modify labels: node-restriction.kubernetes.io\/safe/,
  ],
  ["takes off its taints", "UPDATE", node, object("box"), tainted, /not allowed to modify taints/],
  ["deletes itself", "DELETE", node, undefined, object("box"), /not allowed to delete itself/],
  ["tells of its Pod", "UPDATE", pod, here, here],
  [
    "tells of another's Pod",
    "UPDATE",
    pod,
    there,
    there,
    /can only update status for pods with spec.nodeName/,
  ],
  ["takes another's Pod", "UPDATE", pod, here, there, /can only update status for pods with spec.nodeName/],
  ["deletes its Pod", "DELETE", pod, undefined, here],
  ["deletes another's Pod", "DELETE", pod, undefined, there, /can only delete pods with spec.nodeName/],
  ["makes a Pod elsewhere", "CREATE", pod, there, undefined, /can only create pods with spec.nodeName/],
  [
    "holds a lease somewhere",
    "CREATE",
    lease,
    object("box"),
    undefined,
    /"kube-node-lease" system namespace/,
  ],
];

it("a node cannot label a Pod through its status", () => {
  const labels = { app: "web" };
  const request: AdmissionRequest = {
    ...{ operation: "UPDATE", kind: pod, name: "p", namespace: "a", user: box, subresource: "status" },
    ...{ object: { ...here, metadata: { ...here.metadata, labels } }, old: here, dryRun: false },
    warn: () => undefined,
  };
  const message = /node "box" cannot update labels through pod status/;
  assert.throws(() => validate(request), { code: 403, message });
  validate({ ...request, object: here });
});

describe("a node", () => {
  for (const [what, operation, of, made, old, refusal] of rows) {
    const { name, namespace } = (made ?? old)?.metadata ?? { name: "" };
    const rest = { subresource: undefined, namespace, dryRun: false, warn: () => undefined };
    const request: AdmissionRequest = { operation, kind: of, name, object: made, old, user: box, ...rest };
    it(`${refusal === undefined ? "" : "never "}${what}`, () => {
      if (refusal === undefined) validate(request);
      else assert.throws(() => validate(request), { code: 403, message: refusal });
    });
    it(`which is none may do as it may: ${what}`, () => {
      validate({ ...request, user: { name: "ann", groups: [] } });
      validate({ ...request, user: undefined });
    });
  }

  it("holds its own lease", () => {
    const own: AdmissionRequest = {
      ...{ operation: "CREATE", kind: lease, name: "box", namespace: "kube-node-lease", user: box },
      ...{
        object: object("box"),
        old: undefined,
        subresource: undefined,
        dryRun: false,
        warn: () => undefined,
      },
    };
    validate(own);
    assert.throws(() => validate({ ...own, name: "crate" }), { code: 403 });
  });
});
