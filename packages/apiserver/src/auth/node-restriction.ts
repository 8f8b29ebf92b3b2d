/** What a node writes must be about itself: the part of a node's limits that only the object tells. */
import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { type AdmissionMember, type AdmissionRequest, refusedBy } from "../admission.ts";
import { nodeOf } from "./user.ts";

const leases = "kube-node-lease";
/** Labels that say which workloads belong on a node: only people may set them. */
const guarded = "node-restriction.kubernetes.io/";
const handled = new Set(["nodes.", "pods.", "leases.coordination.k8s.io", "serviceaccounts."]);

export const nodeRestriction: AdmissionMember = {
  name: "NodeRestriction",
  handles: ({ kind, operation, subresource }) =>
    handled.has(`${kind.plural}.${kind.group}`) &&
    // What is posted to a part is looked at as what it does to the object.
    !(operation === "CONNECT" || (operation === "CREATE" && subresource !== undefined)),
  validate(request) {
    const node = request.user && nodeOf(request.user);
    if (node === undefined) return;
    const { kind } = request;
    if (kind.plural === "nodes") checkNode(request, node);
    else if (kind.plural === "pods") checkPod(request, node);
    else if (kind.plural === "leases") checkLease(request, node);
  },
};

function checkNode(request: AdmissionRequest, node: string): void {
  const { operation, name, object, old } = request;
  if (name !== node) throw refusedBy(request, `node "${node}" is not allowed to modify node "${name}"`);
  if (operation === "DELETE") throw refusedBy(request, `node "${node}" is not allowed to delete itself`);
  const changed = changedLabels(object, old).filter((label) => label.includes(guarded));
  if (changed.length > 0) {
    const which = changed.sort().join(", ");
    throw refusedBy(request, `is not allowed to modify labels: ${which}`);
  }
  if (old !== undefined && !jsonEqual(taintsOf(object), taintsOf(old))) {
    throw refusedBy(request, `node "${node}" is not allowed to modify taints`);
  }
}

function changedLabels(object: KubeObject | undefined, old: KubeObject | undefined): string[] {
  const [now, before] = [object?.metadata.labels ?? {}, old?.metadata.labels ?? {}];
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter(
    (label) => now[label] !== before[label],
  );
}

function taintsOf(node: KubeObject | undefined): unknown {
  return (node?.["spec"] as { taints?: unknown } | undefined)?.taints ?? [];
}

function checkPod(request: AdmissionRequest, node: string): void {
  const { operation, old, object, subresource } = request;
  if (subresource === "status" && changedLabels(object, old).length > 0) {
    throw refusedBy(request, `node "${node}" cannot update labels through pod status`);
  }
  const at = (pod: KubeObject | undefined): string | undefined =>
    (pod?.["spec"] as { nodeName?: string } | undefined)?.nodeName;
  if (operation === "CREATE") {
    if (at(object) === node) return;
    throw refusedBy(request, `node "${node}" can only create pods with spec.nodeName set to itself`);
  }
  if (at(old) === node) return;
  const verb = operation === "DELETE" ? "delete" : "update status for";
  throw refusedBy(request, `node "${node}" can only ${verb} pods with spec.nodeName set to itself`);
}

function checkLease(request: AdmissionRequest, node: string): void {
  const { name, namespace } = request;
  if (namespace !== leases) {
    throw refusedBy(request, `can only access leases in the "${leases}" system namespace`);
  }
  if (name !== node) {
    throw refusedBy(request, "can only access node lease with the same name as the requesting node");
  }
}
