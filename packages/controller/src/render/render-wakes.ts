import { isSame } from "@selvedge/apiserver";
import { jsonEqual } from "@selvedge/base";
import {
  type ConfigMap,
  configMapKind,
  type EdgeNode,
  type EndpointSlice,
  edgeNodeKind,
  endpointSliceKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type Namespace,
  type NetworkPolicy,
  type Node,
  namespaceKind,
  networkPolicyKind,
  nodeKind,
  type PatchEnvelope,
  type PersistentVolume,
  type Pod,
  patchEnvelopeKind,
  persistentVolumeKind,
  podKind,
  type Secret,
  type Service,
  type ServiceAccount,
  secretKind,
  serviceAccountKind,
  serviceKind,
} from "@selvedge/kinds";
import { managedBy, manager } from "../endpoints/endpoints-plan.ts";
import { policiesOf } from "../network/access-plan.ts";
import { type Caches, nodeNameOf, scaledBy } from "../objects/caches.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { nodesOf as nodesOfVolume } from "../volumes/claim-plan.ts";
import { scaledWith } from "./followed-load.ts";
import { isForPod } from "./patches.ts";
/** Only the nodes concerned, and only for changes that can show in a configuration. */
export function renderWakes(caches: Caches, awaits: (nodeName: string) => boolean): Wake[] {
  const patchNodes = (patches: readonly PatchEnvelope[]): string[] =>
    patches.flatMap((patch) =>
      nodesOf(
        caches.pods.by("namespace", patch.metadata.namespace ?? "").filter((pod) => isForPod(patch, pod)),
      ),
    );
  return [
    wakeOn<Pod>(podKind, (before, after) => {
      if (before !== undefined && after !== undefined && sameForNode(before, after)) return [];
      return nodesOf([before, after].filter((pod) => pod !== undefined));
    }),
    wakeOn<ConfigMap>(configMapKind, (before, after) => {
      const { name = "", namespace = "" } = (after ?? before)?.metadata ?? {};
      const key = `${namespace}/${name}`;
      return [
        ...nodesOf(caches.pods.by("configMap", key)),
        ...patchNodes(caches.patches.by("configMap", key)),
      ];
    }),
    wakeOn<PatchEnvelope>(patchEnvelopeKind, (before, after) => {
      if (before?.metadata.generation === after?.metadata.generation) return [];
      return patchNodes([before, after].flatMap((patch) => patch ?? []));
    }),
    wakeOn<Secret>(secretKind, (before, after) => {
      const { name = "", namespace = "" } = (after ?? before)?.metadata ?? {};
      const key = `${namespace}/${name}`;
      const ports = caches.edgeNodes.by("secret", key).map((edgeNode) => nodeNameOf(edgeNode));
      const patched = patchNodes(caches.patches.by("secret", key));
      return [...nodesOf(caches.pods.by("secret", key)), ...ports, ...patched];
    }),
    wakeOn<PersistentVolume>(persistentVolumeKind, (before, after) => {
      if (before !== undefined && after !== undefined && jsonEqual(before.spec, after.spec)) return [];
      return [...new Set([before, after].flatMap((volume) => (volume && nodesOfVolume(volume)) ?? []))];
    }),
    wakeOn<EdgeNode>(edgeNodeKind, (before, after) => {
      if (after === undefined) return [];
      const same =
        before?.metadata.generation === after.metadata.generation &&
        before?.status?.nodeID === after.status?.nodeID &&
        jsonEqual(addressesOf(before), addressesOf(after));
      const hasTaken = before?.status?.configHash?.applied !== after.status?.configHash?.applied;
      return same && !(hasTaken && awaits(nodeNameOf(after))) ? [] : [nodeNameOf(after)];
    }),
    wakeOn<Node>(nodeKind, (before, after) => {
      const same = jsonEqual(before?.status?.allocatable ?? {}, after?.status?.allocatable ?? {});
      return same || after === undefined ? [] : [after.metadata.name];
    }),
    ...namespaceWakes(caches),
  ];
}

/** What concerns Pods of a namespace that do not name it. */
function namespaceWakes(caches: Caches): Wake[] {
  return [
    wakeOn<ServiceAccount>(serviceAccountKind, (before, after) => {
      if (before?.metadata.uid === after?.metadata.uid) return [];
      const { name = "", namespace = "" } = (after ?? before)?.metadata ?? {};
      const named = caches.pods
        .by("namespace", namespace)
        .filter(({ spec }) => (spec.serviceAccountName ?? "default") === name);
      return nodesOf(named);
    }),
    wakeOn<Service>(serviceKind, (before, after) => {
      if (before !== undefined && after !== undefined && jsonEqual(before.spec, after.spec)) return [];
      // Every app of its namespace may ask for it.
      return nodesOf(caches.pods.by("namespace", (after ?? before)?.metadata.namespace ?? ""));
    }),
    wakeOn<EndpointSlice>(endpointSliceKind, (before, after) => {
      const { namespace = "", labels = {} } = (after ?? before)?.metadata ?? {};
      // Of those that are made of Pods the nodes know more than we do.
      if (labels[managedBy] === manager) return [];
      return nodesOf(caches.pods.by("namespace", namespace));
    }),
    wakeOn<NetworkPolicy>(networkPolicyKind, (before, after) => {
      if (before !== undefined && after !== undefined && jsonEqual(before.spec, after.spec)) return [];
      const { namespace = "" } = (after ?? before)?.metadata ?? {};
      const policies = [before, after].flatMap((policy) => policy ?? []);
      return nodesOf(
        caches.pods.by("namespace", namespace).filter((pod) => policiesOf(pod, policies).length > 0),
      );
    }),
    wakeOn<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind, (before, after) => {
      const [old, now] = [before, after].map((one) => one && scaledBy(one));
      if (old === now) return [];
      const pods = caches.pods.by("namespace", (after ?? before)?.metadata.namespace ?? "");
      return nodesOf(pods.filter((pod) => scaledWith(caches, pod).some((key) => key === old || key === now)));
    }),
    wakeOn<Namespace>(namespaceKind, (before, after) => {
      if (jsonEqual(before?.metadata.labels ?? {}, after?.metadata.labels ?? {})) return [];
      const { name = "" } = (after ?? before)?.metadata ?? {};
      return nodesOf(caches.pods.by("namespace", name));
    }),
  ];
}

function nodesOf(pods: readonly Pod[]): string[] {
  return pods.flatMap(({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
}

/** Ports of the node may be asked for by an address. */
function addressesOf(edgeNode: EdgeNode | undefined): unknown {
  return (edgeNode?.status?.ports ?? []).map(({ name, addresses = [] }) => [name, ...addresses]);
}

function sameForNode(before: Pod, after: Pod): boolean {
  const seen = ({ metadata, status }: Pod): unknown => ({
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    deletion: metadata.deletionTimestamp ?? "",
    grace: metadata.deletionGracePeriodSeconds ?? 0,
    over: status?.phase === "Succeeded" || status?.phase === "Failed",
    // Policies of its neighbours name it by this.
    address: status?.podIP ?? "",
  });
  return isSame(before.spec, after.spec) && jsonEqual(seen(before), seen(after));
}
