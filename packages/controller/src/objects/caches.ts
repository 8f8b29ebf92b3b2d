import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import { isLazy } from "@selvedge/apiserver";
import type { ObjectView } from "@selvedge/client";
import {
  type CertificateSigningRequest,
  type ClusterRole,
  type ConfigMap,
  type ControllerRevision,
  type CronJob,
  certificateSigningRequestKind,
  clusterRoleKind,
  configMapKind,
  controllerRevisionKind,
  cronJobKind,
  type DaemonSet,
  type Deployment,
  daemonSetKind,
  deploymentKind,
  type EdgeNode,
  type EndpointSlice,
  type Endpoints,
  type EnrollmentProfile,
  edgeNodeKind,
  endpointSliceKind,
  endpointsKind,
  enrollmentProfileKind,
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalerKind,
  type Job,
  jobKind,
  jobNameLabel,
  type Namespace,
  type NetworkPolicy,
  type Node,
  namespaceKind,
  networkPolicyKind,
  nodeKind,
  type PatchEnvelope,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type PodDisruptionBudget,
  patchEnvelopeKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podDisruptionBudgetKind,
  podKind,
  type ReplicaSet,
  type ReplicationController,
  type ResourceQuota,
  replicaSetKind,
  replicationControllerKind,
  resourceQuotaKind,
  type Secret,
  type Service,
  type ServiceAccount,
  type StatefulSet,
  type StorageClass,
  screenAnnotation,
  secretKind,
  serviceAccountKind,
  serviceKind,
  statefulSetKind,
  storageClassKind,
} from "@selvedge/kinds";
import { meansOthers } from "../network/policy-findings.ts";
import { isWary } from "../scheduling/neighbours.ts";
import { nodesOf } from "../volumes/claim-plan.ts";
import { type CachedKind, Cluster, type ClusterOptions } from "./cluster.ts";

/** The caches every reconciler shares, by what they hold. */
export interface Caches {
  readonly pods: ObjectView<Pod>;
  readonly nodes: ObjectView<Node>;
  readonly edgeNodes: ObjectView<EdgeNode>;
  readonly enrollmentProfiles: ObjectView<EnrollmentProfile>;
  readonly namespaces: ObjectView<Namespace>;
  readonly configMaps: ObjectView<ConfigMap>;
  readonly secrets: ObjectView<Secret>;
  readonly services: ObjectView<Service>;
  readonly daemonSets: ObjectView<DaemonSet>;
  readonly deployments: ObjectView<Deployment>;
  readonly replicaSets: ObjectView<ReplicaSet>;
  readonly revisions: ObjectView<ControllerRevision>;
  readonly clusterRoles: ObjectView<ClusterRole>;
  readonly serviceAccounts: ObjectView<ServiceAccount>;
  readonly certificateRequests: ObjectView<CertificateSigningRequest>;
  readonly statefulSets: ObjectView<StatefulSet>;
  readonly jobs: ObjectView<Job>;
  readonly cronJobs: ObjectView<CronJob>;
  readonly claims: ObjectView<PersistentVolumeClaim>;
  readonly volumes: ObjectView<PersistentVolume>;
  readonly storageClasses: ObjectView<StorageClass>;
  readonly replicationControllers: ObjectView<ReplicationController>;
  readonly budgets: ObjectView<PodDisruptionBudget>;
  readonly autoscalers: ObjectView<HorizontalPodAutoscaler>;
  readonly endpointSlices: ObjectView<EndpointSlice>;
  readonly endpoints: ObjectView<Endpoints>;
  readonly quotas: ObjectView<ResourceQuota>;
  readonly networkPolicies: ObjectView<NetworkPolicy>;
  readonly patches: ObjectView<PatchEnvelope>;
}

/** Where Pods that are on no node are found in the index by node. */
export const unplaced = "";

/** Where Pods that want others away from them are found in the index of these. */
export const waryPods = "all";

/** Objects of a namespace that nobody manages, in the index by owner. */
const orphans = (namespace: string): string => `orphans/${namespace}`;

const byOwner = (object: KubeObject): string[] => [
  controllerOf(object)?.uid ?? orphans(object.metadata.namespace ?? ""),
];
const byNamespace = ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ""];

const kinds: readonly CachedKind<never>[] = [
  {
    ref: podKind,
    indexes: {
      node: (pod: Pod) => [pod.spec.nodeName ?? unplaced],
      owner: byOwner,
      namespace: byNamespace,
      uid: ({ metadata }: Pod) => [metadata.uid ?? ""],
      configMap: (pod: Pod) => referencesOf(pod).configMaps,
      secret: (pod: Pod) => referencesOf(pod).secrets,
      job: jobOf,
      claim: (pod: Pod) => claimsOf(pod),
      wary: (pod: Pod) => (isWary(pod) ? [waryPods] : []),
      // Those whose screen somebody wants to see.
      screen: ({ metadata }: Pod) => (metadata.annotations?.[screenAnnotation] === "true" ? [""] : []),
      // Where room is made for one that has no node yet.
      nominated: ({ spec, status }: Pod) =>
        spec.nodeName || !status?.nominatedNodeName ? [] : [status.nominatedNodeName],
    },
  },
  { ref: nodeKind, indexes: {} },
  {
    ref: edgeNodeKind,
    indexes: {
      node: (edgeNode: EdgeNode) => [nodeNameOf(edgeNode)],
      id: ({ status }: EdgeNode) => (status?.nodeID === undefined ? [] : [status.nodeID]),
      certificate: ({ status }: EdgeNode) =>
        status?.deviceCertificateHash === undefined ? [] : [status.deviceCertificateHash],
      profile: ({ status }: EdgeNode) => (status?.profile === undefined ? [] : [status.profile]),
      // Of the credentials of its ports, and of what gives them certificates.
      secret: ({ spec }: EdgeNode) =>
        [
          ...(spec.ports ?? []).map(({ wifi, cellular }) => wifi?.secretRef ?? cellular?.secretRef),
          ...(spec.scepProfiles ?? []).map(({ challengeRef }) => challengeRef),
          spec.operatorConsole?.bundles?.credentialsRef,
        ].flatMap((ref) => (ref === undefined ? [] : [`${ref.namespace}/${ref.name}`])),
    },
  },
  { ref: enrollmentProfileKind, indexes: {} },
  { ref: namespaceKind, indexes: {} },
  { ref: configMapKind, indexes: {} },
  { ref: secretKind, indexes: {} },
  { ref: serviceKind, indexes: { namespace: byNamespace } },
  { ref: daemonSetKind, indexes: { namespace: byNamespace } },
  { ref: deploymentKind, indexes: { namespace: byNamespace } },
  { ref: replicaSetKind, indexes: { owner: byOwner, namespace: byNamespace } },
  { ref: controllerRevisionKind, indexes: { owner: byOwner } },
  { ref: clusterRoleKind, indexes: {} },
  { ref: serviceAccountKind, indexes: {} },
  { ref: certificateSigningRequestKind, indexes: {} },
  { ref: statefulSetKind, indexes: { namespace: byNamespace } },
  { ref: jobKind, indexes: { owner: byOwner, namespace: byNamespace } },
  { ref: cronJobKind, indexes: { namespace: byNamespace } },
  { ref: persistentVolumeClaimKind, indexes: { owner: byOwner, namespace: byNamespace } },
  {
    ref: persistentVolumeKind,
    indexes: {
      // Those that nobody has are found under the empty name.
      claim: ({ spec }: PersistentVolume) => [
        spec.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`,
      ],
      node: (volume: PersistentVolume) => [...(nodesOf(volume) ?? [])],
    },
  },
  { ref: storageClassKind, indexes: {} },
  { ref: endpointSliceKind, indexes: { service: serviceOf } },
  { ref: endpointsKind, indexes: {} },
  { ref: replicationControllerKind, indexes: { owner: byOwner, namespace: byNamespace } },
  { ref: podDisruptionBudgetKind, indexes: { namespace: byNamespace } },
  {
    ref: horizontalPodAutoscalerKind,
    indexes: { scaled: (autoscaler: HorizontalPodAutoscaler) => [scaledBy(autoscaler)] },
  },
  { ref: resourceQuotaKind, indexes: { namespace: byNamespace } },
  {
    ref: networkPolicyKind,
    indexes: {
      namespace: byNamespace,
      // Those that mean Pods of other namespaces.
      abroad: (policy: NetworkPolicy) => (meansOthers(policy) ? [""] : []),
    },
  },
  {
    ref: patchEnvelopeKind,
    indexes: {
      namespace: byNamespace,
      uid: ({ metadata }: PatchEnvelope) => [metadata.uid ?? ""],
      configMap: ({ metadata, spec }: PatchEnvelope) =>
        spec.files.flatMap(({ configMapKeyRef: ref }) => (ref ? [`${metadata.namespace}/${ref.name}`] : [])),
      secret: ({ metadata, spec }: PatchEnvelope) =>
        [...spec.files.map(({ secretKeyRef }) => secretKeyRef), ...(spec.imagePullSecrets ?? [])].flatMap(
          (ref) => (ref?.name ? [`${metadata.namespace}/${ref.name}`] : []),
        ),
    },
  },
];

export function createCluster(options: ClusterOptions): Cluster {
  return new Cluster(options, kinds as unknown as readonly CachedKind[]);
}

export function cachesOf(cluster: Cluster): Caches {
  return {
    pods: cluster.cache<Pod>(podKind),
    nodes: cluster.cache<Node>(nodeKind),
    edgeNodes: cluster.cache<EdgeNode>(edgeNodeKind),
    enrollmentProfiles: cluster.cache<EnrollmentProfile>(enrollmentProfileKind),
    namespaces: cluster.cache<Namespace>(namespaceKind),
    configMaps: cluster.cache<ConfigMap>(configMapKind),
    secrets: cluster.cache<Secret>(secretKind),
    services: cluster.cache<Service>(serviceKind),
    daemonSets: cluster.cache<DaemonSet>(daemonSetKind),
    deployments: cluster.cache<Deployment>(deploymentKind),
    replicaSets: cluster.cache<ReplicaSet>(replicaSetKind),
    revisions: cluster.cache<ControllerRevision>(controllerRevisionKind),
    clusterRoles: cluster.cache<ClusterRole>(clusterRoleKind),
    serviceAccounts: cluster.cache<ServiceAccount>(serviceAccountKind),
    certificateRequests: cluster.cache<CertificateSigningRequest>(certificateSigningRequestKind),
    statefulSets: cluster.cache<StatefulSet>(statefulSetKind),
    jobs: cluster.cache<Job>(jobKind),
    cronJobs: cluster.cache<CronJob>(cronJobKind),
    claims: cluster.cache<PersistentVolumeClaim>(persistentVolumeClaimKind),
    volumes: cluster.cache<PersistentVolume>(persistentVolumeKind),
    storageClasses: cluster.cache<StorageClass>(storageClassKind),
    replicationControllers: cluster.cache<ReplicationController>(replicationControllerKind),
    endpointSlices: cluster.cache<EndpointSlice>(endpointSliceKind),
    endpoints: cluster.cache<Endpoints>(endpointsKind),
    budgets: cluster.cache<PodDisruptionBudget>(podDisruptionBudgetKind),
    autoscalers: cluster.cache<HorizontalPodAutoscaler>(horizontalPodAutoscalerKind),
    quotas: cluster.cache<ResourceQuota>(resourceQuotaKind),
    networkPolicies: cluster.cache<NetworkPolicy>(networkPolicyKind),
    patches: cluster.cache<PatchEnvelope>(patchEnvelopeKind),
  };
}

/** The owner that manages the object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** What an owner manages, and what it might adopt. */
export function claimable<T extends KubeObject>(cache: ObjectView<T>, owner: KubeObject): T[] {
  const { uid = "", namespace = "" } = owner.metadata;
  return [...cache.by("owner", uid), ...cache.by("owner", orphans(namespace))];
}

/** The name of an EdgeNode's Node. */
export function nodeNameOf(edgeNode: EdgeNode): string {
  return edgeNode.spec?.nodeName || edgeNode.metadata.name;
}

function serviceOf({ metadata }: KubeObject): string[] {
  const name = metadata.labels?.["kubernetes.io/service-name"];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

/** The Job a Pod says it is of, whether or not that owns it. */
function jobOf({ metadata }: Pod): string[] {
  const name = metadata.labels?.[jobNameLabel];
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}

/** What an autoscaler scales, in the index of autoscalers. */
export function scaledBy({ metadata, spec }: HorizontalPodAutoscaler): string {
  return scaleKey(metadata.namespace ?? "", spec.scaleTargetRef);
}

export function scaleKey(
  namespace: string,
  { kind, name }: { readonly kind: string; readonly name: string },
): string {
  return `${namespace}/${kind}/${name}`;
}

/** The claims whose volumes a Pod mounts, as `namespace/name`. */
export function claimsOf({ metadata, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
    claim === undefined ? [] : [`${metadata.namespace}/${claim.claimName}`],
  );
}

/** Every ConfigMap and Secret a Pod refers to, as `namespace/name`. */
interface References {
  readonly configMaps: string[];
  readonly secrets: string[];
}

/** Of long ones: two indexes ask of each state, when it comes and when it goes. */
const knownReferences = new WeakMap<Pod, References>();

function referencesOf(pod: Pod): References {
  const known = isLazy(pod) ? (knownReferences.get(pod) ?? foundReferences(pod)) : undefined;
  if (known === undefined) return foundReferences(pod);
  knownReferences.set(pod, known);
  return known;
}

function foundReferences(pod: Pod): References {
  const namespace = pod.metadata.namespace ?? "";
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const add = (to: Set<string>, name: string | undefined): void => {
    if (name) to.add(`${namespace}/${name}`);
  };
  for (const { env = [], envFrom = [] } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
    for (const { configMapRef, secretRef } of envFrom) {
      add(configMaps, configMapRef?.name);
      add(secrets, secretRef?.name);
    }
    for (const { valueFrom } of env) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    add(configMaps, configMap?.name);
    add(secrets, secret?.secretName);
    for (const part of projected?.sources ?? []) {
      add(configMaps, part.configMap?.name);
      add(secrets, part.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add(secrets, name);
  return { configMaps: [...configMaps], secrets: [...secrets] };
}
