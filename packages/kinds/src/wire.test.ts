/**
 * How every built-in kind is written in protobuf. A member that is dropped, or gets another number, would be
 * lost without a word: clients do not see it, and the schema, made of the same rows, agrees. The marks below
 * are of tables that read the objects of k8s.io/api as their JSON says them (tests/interop/wire.test.ts);
 * whoever changes a table on purpose runs that, then writes the new mark here.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { ProtobufMessage } from "@selvedge/apimachinery";
import { allKinds } from "./index.ts";

/** The kind, how many members it has at any depth, and a digest of their paths, numbers and types. */
const marks = `
core Namespace 39 e297b9682b82
core Node 115 cca0c7a4aea7
core Pod 1371 5e3e10c16038
core ConfigMap 32 761916da5dc0
core Secret 33 65a05875dee0
core Event 61 6c6ff96c09b1
events.k8s.io Event 61 4b9483e6ae5f
core Service 75 cba8345b37d9
core ServiceAccount 40 09bc62c66f12
apps DaemonSet 1215 bb6880619a11
apps Deployment 1218 9b36c9133162
apps ReplicaSet 1207 79e3d1f1652a
apps StatefulSet 1294 f9919d4847ba
apps ControllerRevision 31 9a03d160ae1d
batch Job 1238 fcf8c7391f7b
batch CronJob 1267 1f88762190eb
core PersistentVolumeClaim 70 5976c1b7d5bb
core PersistentVolume 223 634e3831b17e
storage.k8s.io StorageClass 39 38352394269b
storage.k8s.io CSIDriver 42 c7db5b8afd00
storage.k8s.io CSINode 36 46a041a4f57a
storage.k8s.io CSIStorageCapacity 38 13879315dd2d
storage.k8s.io VolumeAttachment 234 fd99f49cf560
storage.k8s.io VolumeAttributesClass 31 62eba3b7277f
policy PodDisruptionBudget 53 9ea6a76f5049
autoscaling HorizontalPodAutoscaler 185 e0d54040dbb1
autoscaling HorizontalPodAutoscaler 43 80774f25f068
core LimitRange 37 f43bcf65d1e3
scheduling.k8s.io PriorityClass 33 36cb83398ba3
core ResourceQuota 40 b17d4dd49de4
node.k8s.io RuntimeClass 40 0561b58bc5bb
discovery.k8s.io EndpointSlice 58 bacce9f38349
core Endpoints 59 5ef7481d5da3
networking.k8s.io NetworkPolicy 79 e84a04d3ee85
networking.k8s.io Ingress 70 9c458ae2cfdd
networking.k8s.io IngressClass 37 4196b38273fd
networking.k8s.io IPAddress 35 92ff79dc2299
networking.k8s.io ServiceCIDR 39 fc48818548ba
core PodTemplate 1185 8677a2af8030
core ReplicationController 1201 89ac1106d988
coordination.k8s.io Lease 37 5ec66f64a42c
flowcontrol.apiserver.k8s.io FlowSchema 61 2effd11b079d
flowcontrol.apiserver.k8s.io PriorityLevelConfiguration 51 1ae36f5b02c0
rbac.authorization.k8s.io Role 35 9363a5d44745
rbac.authorization.k8s.io RoleBinding 38 3b77d5b46edb
rbac.authorization.k8s.io ClusterRole 42 c28cc9b8c02e
rbac.authorization.k8s.io ClusterRoleBinding 38 3b77d5b46edb
certificates.k8s.io CertificateSigningRequest 47 50eff583cc99
admissionregistration.k8s.io MutatingWebhookConfiguration 67 7252a8a22265
admissionregistration.k8s.io ValidatingWebhookConfiguration 66 d48fc8471732
admissionregistration.k8s.io ValidatingAdmissionPolicy 93 6dea4d8edb32
admissionregistration.k8s.io ValidatingAdmissionPolicyBinding 74 5634928d8351
`;

describe("the members of every kind on the wire", () => {
  it("are those that were compared with upstream's", () => {
    const ours = allKinds.flatMap(({ kind, group, protobuf }) => {
      if (protobuf === undefined) return [];
      const members = membersOf(protobuf, "").sort();
      const digest = createHash("sha256").update(members.join("\n")).digest("hex").slice(0, 12);
      return [`${group || "core"} ${kind} ${members.length} ${digest}`];
    });
    assert.deepEqual(ours, marks.trim().split("\n"));
  });
});

function membersOf(message: ProtobufMessage, path: string): string[] {
  return Object.entries(message).flatMap(([number, field]) => {
    const { name, type, values = "", repeated, pointer, needed, message: inner } = field;
    const at = `${path}.${name}`;
    const own = `${at}=${number} ${type}${values}${repeated ? "[]" : ""}${pointer ? "?" : ""}${needed ? "!" : ""}`;
    const table = typeof inner === "function" ? inner() : inner;
    return [own, ...(table === undefined ? [] : membersOf(table, at))];
  });
}
