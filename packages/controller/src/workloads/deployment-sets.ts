import { holdingLazy, withMembers } from "@selvedge/apiserver";
import type { Deployment, Pod, ReplicaSet } from "@selvedge/kinds";
import { amountOf } from "./int-or-percent.ts";
import { controllerReference, podTemplateHashLabel, sameTemplate, templateHash } from "./template.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
export const historyAnnotation = "deployment.kubernetes.io/revision-history";
export const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";
export const maxAnnotation = "deployment.kubernetes.io/max-replicas";
/** Of the Deployment's annotations these are its own affair; the others go to its ReplicaSets. */
const ownAnnotations = [
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  "deprecated.deployment.rollback.to",
];

/** A Deployment's ReplicaSets, told apart. */
export interface Sets {
  readonly fresh: ReplicaSet | undefined;
  /** All others, the oldest first. */
  readonly old: readonly ReplicaSet[];
  readonly all: readonly ReplicaSet[];
}

export interface DeploymentView {
  readonly deployment: Deployment;
  readonly sets: Sets;
  readonly pods: readonly Pod[];
  /** As spec.replicas says. */
  readonly wanted: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export function viewOf(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  pods: readonly Pod[],
): DeploymentView {
  const { spec } = deployment;
  const all = [...replicaSets].sort((left, right) => (ageOf(left) < ageOf(right) ? -1 : 1));
  const fresh = all.find((set) => sameTemplate(set.spec.template, spec.template));
  const wanted = spec.replicas ?? 1;
  const rolls = spec.strategy?.type !== "Recreate";
  const { maxSurge = "25%", maxUnavailable = "25%" } = spec.strategy?.rollingUpdate ?? {};
  const surge = rolls ? amountOf(maxSurge, wanted, "up") : 0;
  const missing = rolls ? amountOf(maxUnavailable, wanted, "down") : wanted;
  return {
    deployment,
    sets: { fresh, old: all.filter((set) => set !== fresh), all },
    pods,
    wanted,
    maxSurge: surge,
    // With neither room to add nor leave to remove nothing could ever move.
    maxUnavailable: surge === 0 && missing === 0 ? 1 : Math.min(missing, wanted),
  };
}

/** The ReplicaSet of the current template, to be made. */
export function newReplicaSet(view: DeploymentView, replicas: number, revision: bigint): ReplicaSet {
  const { deployment } = view;
  const { spec, metadata, status } = deployment;
  const hash = templateHash(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [podTemplateHashLabel]: hash };
  return holdingLazy({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace ?? "",
      labels,
      annotations: { ...annotationsFor(view), [revisionAnnotation]: String(revision) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: holdingLazy({
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [podTemplateHashLabel]: hash },
      },
      template: withMembers(spec.template, { metadata: { ...spec.template.metadata, labels } }),
    }),
  });
}

/** What the ReplicaSet of the current template takes over from its Deployment. */
export function annotationsFor({ deployment, wanted, maxSurge }: DeploymentView): Record<string, string> {
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([name]) => !ownAnnotations.includes(name),
  );
  return {
    ...Object.fromEntries(own),
    [desiredAnnotation]: String(wanted),
    [maxAnnotation]: String(wanted + maxSurge),
  };
}

/** Its number; 0 when it says none. People may give one that no floating-point number holds. */
export function revisionOf({ metadata }: ReplicaSet): bigint {
  const text = metadata.annotations?.[revisionAnnotation] ?? "";
  return /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
}

/** Longer ones lose their beginning, as upstream's do. */
const historyMax = 2000;

/** The numbers that the ReplicaSet had before it came back with this one. */
export function historyFor(set: ReplicaSet, revision: bigint): Record<string, string> {
  const before = revisionOf(set);
  const known = set.metadata.annotations?.[historyAnnotation];
  if (before === 0n || before >= revision) return known === undefined ? {} : { [historyAnnotation]: known };
  const numbers = [...(known ? known.split(",") : []), String(before)];
  while (numbers.join(",").length > historyMax) numbers.shift();
  return { [historyAnnotation]: numbers.join(",") };
}

export function replicasOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1;
}

export function totalOf(sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number {
  return sets.reduce((sum, set) => sum + of(set), 0);
}

export function availableOf({ status }: ReplicaSet): number {
  return status?.availableReplicas ?? 0;
}

function ageOf({ metadata }: ReplicaSet): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
}
