import { jsonEqual } from "@selvedge/base";
import type { ReplicaSet } from "@selvedge/kinds";
import { controllerOf } from "../objects/caches.ts";
import { isOver } from "../objects/pods.ts";
import {
  annotationsFor,
  availableOf,
  type DeploymentView,
  desiredAnnotation,
  historyFor,
  maxAnnotation,
  newReplicaSet,
  replicasOf,
  revisionAnnotation,
  revisionOf,
  totalOf,
} from "./deployment-sets.ts";

/** One write to one ReplicaSet. */
export type DeploymentStep =
  | { readonly type: "create"; readonly set: ReplicaSet }
  | { readonly type: "scale"; readonly set: ReplicaSet; readonly replicas: number }
  | { readonly type: "annotate"; readonly set: ReplicaSet; readonly annotations: Record<string, string> }
  | { readonly type: "remove"; readonly set: ReplicaSet };

const defaultHistory = 10;

/**
 * Decides the next steps of a Deployment. What follows from their outcome is decided by the pass that their
 * outcome wakes. Pure.
 */
export function planDeployment(view: DeploymentView): DeploymentStep[] {
  const { deployment } = view;
  if (isScaling(view)) return planScale(view);
  if (deployment.spec.paused) return [];
  const prepared = deployment.spec.strategy?.type === "Recreate" ? planRecreate(view) : planRolling(view);
  return prepared.length > 0 ? prepared : planHistory(view);
}

/** The number of the current template among all there were. */
export function currentRevision({ sets }: Pick<DeploymentView, "sets">): bigint {
  const later = (left: bigint, right: bigint): bigint => (left > right ? left : right);
  const newest = sets.old.map(revisionOf).reduce(later, 0n);
  return later(sets.fresh === undefined ? 0n : revisionOf(sets.fresh), newest + 1n);
}

function planRolling(view: DeploymentView): DeploymentStep[] {
  const { sets } = view;
  const known = keepFresh(view);
  if (sets.fresh === undefined) {
    return [{ type: "create", set: newReplicaSet(view, freshReplicas(view), currentRevision(view)) }];
  }
  const wanted = freshReplicas(view);
  if (wanted !== replicasOf(sets.fresh))
    return [...known, { type: "scale", set: sets.fresh, replicas: wanted }];
  return [...known, ...shrinkOld(view)];
}

/** Old Pods go first, all of them; then the new ones come. */
function planRecreate(view: DeploymentView): DeploymentStep[] {
  const { sets, pods, wanted } = view;
  const shrink = sets.old.filter((set) => replicasOf(set) > 0);
  if (shrink.length > 0) return shrink.map((set) => ({ type: "scale", set, replicas: 0 }));
  const old = new Set(sets.old.map(({ metadata }) => metadata.uid));
  const lingering = pods.some((pod) => !isOver(pod) && old.has(controllerOf(pod)?.uid ?? ""));
  if (lingering) return [];
  if (sets.fresh === undefined) {
    return [{ type: "create", set: newReplicaSet(view, wanted, currentRevision(view)) }];
  }
  const known = keepFresh(view);
  return replicasOf(sets.fresh) === wanted
    ? known
    : [...known, { type: "scale", set: sets.fresh, replicas: wanted }];
}

/** A template that comes back gets the newest number; the Deployment's annotations follow. */
function keepFresh(view: DeploymentView): DeploymentStep[] {
  const { fresh } = view.sets;
  if (fresh === undefined) return [];
  const revision = currentRevision(view);
  const annotations = {
    ...fresh.metadata.annotations,
    ...annotationsFor(view),
    ...historyFor(fresh, revision),
    [revisionAnnotation]: String(revision),
  };
  return jsonEqual(annotations, fresh.metadata.annotations ?? {})
    ? []
    : [{ type: "annotate", set: fresh, annotations }];
}

function freshReplicas({ sets, wanted, maxSurge }: DeploymentView): number {
  const now = sets.fresh === undefined ? 0 : replicasOf(sets.fresh);
  // More than wanted: somebody scaled the ReplicaSet by hand, or the Deployment shrank.
  if (now >= wanted) return wanted;
  const room = wanted + maxSurge - totalOf(sets.all, replicasOf);
  return now + Math.max(0, Math.min(room, wanted - now));
}

/** As many old Pods go as the others' availability allows; those that do not serve go first. */
function shrinkOld(view: DeploymentView): DeploymentStep[] {
  const { sets, wanted, maxUnavailable } = view;
  if (sets.fresh === undefined || totalOf(sets.old, replicasOf) === 0) return [];
  const minAvailable = wanted - maxUnavailable;
  const freshUnavailable = replicasOf(sets.fresh) - availableOf(sets.fresh);
  let budget = totalOf(sets.all, replicasOf) - minAvailable - freshUnavailable;
  if (budget <= 0) return [];
  const left = new Map(sets.old.map((set) => [set, replicasOf(set)]));
  for (const set of sets.old) {
    const broken = Math.max(0, replicasOf(set) - availableOf(set));
    const cut = Math.min(budget, broken);
    left.set(set, replicasOf(set) - cut);
    budget -= cut;
  }
  let spare = Math.max(0, totalOf(sets.all, availableOf) - minAvailable);
  for (const set of sets.old) {
    const cut = Math.min(spare, left.get(set) ?? 0);
    left.set(set, (left.get(set) ?? 0) - cut);
    spare -= cut;
  }
  return scales(left);
}

/** Whether spec.replicas moved since the ReplicaSets were last sized. */
function isScaling({ sets, wanted }: DeploymentView): boolean {
  return sets.all.some((set) => {
    const desired = set.metadata.annotations?.[desiredAnnotation];
    return replicasOf(set) > 0 && desired !== undefined && Number(desired) !== wanted;
  });
}

/**
 * Sizes the ReplicaSets for a new number, in proportion when a rollout is under way, so that it neither
 * gains nor loses.
 */
function planScale(view: DeploymentView): DeploymentStep[] {
  const { sets, wanted, maxSurge, deployment } = view;
  const active = sets.all.filter((set) => replicasOf(set) > 0);
  const sized = new Map<ReplicaSet, number>();
  const only = active.length === 1 ? active[0] : undefined;
  if (only !== undefined) sized.set(only, wanted);
  else if (deployment.spec.strategy?.type !== "Recreate") {
    const allowed = wanted > 0 ? wanted + maxSurge : 0;
    let left = allowed - totalOf(active, replicasOf);
    // The newest first, so that what rounding leaves goes to it.
    for (const set of active.toReversed().sort((one, other) => replicasOf(other) - replicasOf(one))) {
      const before = Number(set.metadata.annotations?.[maxAnnotation]) || totalOf(active, replicasOf);
      const share = Math.round((replicasOf(set) * allowed) / before) - replicasOf(set);
      const change = left > 0 ? Math.min(Math.max(share, 0), left) : Math.max(Math.min(share, 0), left);
      sized.set(set, Math.max(0, replicasOf(set) + change));
      left -= change;
    }
    const [first] = active.toReversed();
    if (first !== undefined && left !== 0) sized.set(first, Math.max(0, (sized.get(first) ?? 0) + left));
  }
  const noted = active.map(
    (set): DeploymentStep => ({
      type: "annotate",
      set,
      annotations: {
        ...set.metadata.annotations,
        [desiredAnnotation]: String(wanted),
        [maxAnnotation]: String(wanted + maxSurge),
      },
    }),
  );
  return [...scales(sized), ...noted];
}

/** Old templates beyond the limit are forgotten, once nothing of them runs. */
function planHistory({ deployment, sets }: DeploymentView): DeploymentStep[] {
  const idle = sets.old
    .filter(
      (set) =>
        replicasOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) &&
        set.metadata.deletionTimestamp === undefined,
    )
    .sort((left, right) => Number(revisionOf(left) - revisionOf(right)));
  const excess = sets.old.length - (deployment.spec.revisionHistoryLimit ?? defaultHistory);
  return idle.slice(0, Math.max(0, excess)).map((set) => ({ type: "remove", set }));
}

function scales(sizes: ReadonlyMap<ReplicaSet, number>): DeploymentStep[] {
  return [...sizes]
    .filter(([set, replicas]) => replicas !== replicasOf(set))
    .map(([set, replicas]) => ({ type: "scale", set, replicas }));
}
