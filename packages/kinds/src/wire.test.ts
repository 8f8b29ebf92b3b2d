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
core Namespace 39 4de4e2afd9e3
core Node 115 06281a4b56e2
core Pod 1371 d35b741ea309
core ConfigMap 32 33e81e5fab39
core Secret 33 3c2e56edcefe
core Event 61 7c00244eed48
events.k8s.io Event 61 b70a4e76136b
core Service 75 b8b2470f418e
core ServiceAccount 40 6fd0a8f40d12
apps DaemonSet 1215 d4a65df8fc67
apps Deployment 1218 4202fb2f19ec
apps ReplicaSet 1207 654d0829f5e1
apps StatefulSet 1294 1d84ee0afc7b
apps ControllerRevision 31 9147cb6f6b6d
batch Job 1238 f6ef3f489264
batch CronJob 1267 3aba03c14559
core PersistentVolumeClaim 70 89cfe534f3d6
core PersistentVolume 223 f37b161c7275
storage.k8s.io StorageClass 39 a471cda13a3f
storage.k8s.io CSIDriver 42 de37b60a6e29
storage.k8s.io CSINode 36 3eabb2138682
storage.k8s.io CSIStorageCapacity 38 4b1635014f92
storage.k8s.io VolumeAttachment 234 641d59be9739
storage.k8s.io VolumeAttributesClass 31 ff6e57ebf006
policy PodDisruptionBudget 53 cd997047e4c4
core LimitRange 37 7282d1f08536
scheduling.k8s.io PriorityClass 33 830d286bac94
core ResourceQuota 40 6e7a9b1e9a61
node.k8s.io RuntimeClass 40 fab266c6bef0
discovery.k8s.io EndpointSlice 58 bb09c60224ef
core Endpoints 59 b42256a43ac2
networking.k8s.io NetworkPolicy 79 805dd47b2f51
networking.k8s.io Ingress 70 2813e863befa
networking.k8s.io IngressClass 37 ca485a50e753
networking.k8s.io IPAddress 35 8912df47406a
networking.k8s.io ServiceCIDR 39 6e01ba734051
core PodTemplate 1185 57045cf96c71
core ReplicationController 1201 2665153b375f
coordination.k8s.io Lease 37 501f9e864bd2
flowcontrol.apiserver.k8s.io FlowSchema 61 109e33e414a7
flowcontrol.apiserver.k8s.io PriorityLevelConfiguration 51 c00374a7868d
rbac.authorization.k8s.io Role 35 d2376cd1105e
rbac.authorization.k8s.io RoleBinding 38 c0e67176ea77
rbac.authorization.k8s.io ClusterRole 42 756856704dee
rbac.authorization.k8s.io ClusterRoleBinding 38 c0e67176ea77
certificates.k8s.io CertificateSigningRequest 47 9a17c2b41aaf
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
    const { name, type, values = "", repeated, optional, message: inner } = field;
    const at = `${path}.${name}`;
    const own = `${at}=${number} ${type}${values}${repeated ? "[]" : ""}${optional ? "?" : ""}`;
    const table = typeof inner === "function" ? inner() : inner;
    return [own, ...(table === undefined ? [] : membersOf(table, at))];
  });
}
