import { type Instant, toRfc3339 } from "@selvedge/base";
import type { DeploymentCondition, DeploymentStatus } from "@selvedge/kinds";
import { type ConditionSays, conditionOf, setCondition } from "../objects/conditions.ts";
import {
  availableOf,
  type DeploymentView,
  historyAnnotation,
  replicasOf,
  revisionOf,
  totalOf,
} from "./deployment-sets.ts";
import { replicaFailure } from "./replica-set-plan.ts";

const defaultDeadline = 600;
/** Upstream's "no deadline". */
const noDeadline = 2_147_483_647;

export interface DeploymentNews {
  readonly status: DeploymentStatus;
  /** Milliseconds until the deadline of a rollout that is under way. */
  readonly again: number | undefined;
}

/** What to say of a Deployment. Pure. */
export function deploymentStatus(view: DeploymentView, now: Instant): DeploymentNews {
  const { deployment, sets, wanted } = view;
  const before = deployment.status ?? {};
  const available = totalOf(sets.all, availableOf);
  const replicas = totalOf(sets.all, ({ status }) => status?.replicas ?? 0);
  const status: DeploymentStatus = {
    ...(before.collisionCount === undefined ? {} : { collisionCount: before.collisionCount }),
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: sets.fresh?.status?.replicas ?? 0,
    readyReplicas: totalOf(sets.all, ({ status: set }) => set?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalOf(sets.all, replicasOf) - available),
    terminatingReplicas: totalOf(sets.all, ({ status: set }) => set?.terminatingReplicas ?? 0),
    conditions: structuredClone(before.conditions ?? []),
  };
  const conditions = status.conditions ?? [];
  const enough = available >= wanted - view.maxUnavailable;
  put(
    conditions,
    enough
      ? {
          ...{ type: "Available", status: "True", reason: "MinimumReplicasAvailable" },
          message: "Deployment has minimum availability.",
        }
      : {
          ...{ type: "Available", status: "False", reason: "MinimumReplicasUnavailable" },
          message: "Deployment does not have minimum availability.",
        },
    now,
  );
  copyFailure(view, conditions, now);
  return { status, again: setProgress(view, before, status, conditions, now) };
}

/** What keeps a ReplicaSet from making its Pods keeps the Deployment from them; the newest has the word. */
function copyFailure({ sets }: DeploymentView, conditions: DeploymentCondition[], now: Instant): void {
  const failures = [sets.fresh, ...sets.old].flatMap(
    (set) => conditionOf(set?.status?.conditions, replicaFailure) ?? [],
  );
  const [failure] = failures;
  const at = conditions.findIndex(({ type }) => type === replicaFailure);
  if (failure === undefined) {
    if (at >= 0) conditions.splice(at, 1);
    return;
  }
  const { reason = "", message = "" } = failure;
  put(conditions, { type: replicaFailure, status: "True", reason, message }, now);
}

/** The Progressing condition: what `kubectl rollout status` and `wait` go by. */
function setProgress(
  view: DeploymentView,
  before: DeploymentStatus,
  status: DeploymentStatus,
  conditions: DeploymentCondition[],
  now: Instant,
): number | undefined {
  const { deployment, sets, wanted } = view;
  const deadline = deployment.spec.progressDeadlineSeconds ?? defaultDeadline;
  if (deadline === noDeadline) return undefined;
  const known = conditionOf(conditions, "Progressing") as DeploymentCondition | undefined;
  const say = (says: Omit<ConditionSays, "type">): void => {
    put(conditions, { type: "Progressing", ...says }, now);
  };
  if (deployment.spec.paused) {
    say({ status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" });
    return undefined;
  }
  if (known?.reason === "DeploymentPaused") {
    say({ status: "Unknown", reason: "DeploymentResumed", message: "Deployment is resumed" });
    return deadline * 1000;
  }
  const name = sets.fresh?.metadata.name ?? deployment.metadata.name;
  if (sets.fresh === undefined) return undefined;
  const complete =
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    (status.availableReplicas ?? 0) >= wanted;
  if (complete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    say({ status: "True", reason: "NewReplicaSetAvailable", message });
    return undefined;
  }
  // A finished rollout that loses a Pod is not a rollout: it has no deadline.
  if (known?.reason === "NewReplicaSetAvailable" && known.message?.includes(`"${name}"`)) return undefined;
  // One that comes back was not created: what is said of it is said when it moves.
  const revision = revisionOf(sets.fresh);
  const isNew =
    sets.fresh.metadata.annotations?.[historyAnnotation] === undefined &&
    sets.old.every((set) => revisionOf(set) < revision);
  if (known === undefined || (isNew && !known.message?.includes(`"${name}"`))) {
    const message = `Created new replica set "${name}"`;
    say({ status: "True", reason: "NewReplicaSetCreated", message });
    return deadline * 1000;
  }
  if (moved(before, status)) {
    say({ status: "True", reason: "ReplicaSetUpdated", message: `ReplicaSet "${name}" is progressing.` });
    touch(conditions, now);
    return deadline * 1000;
  }
  const since = Date.parse(known.lastUpdateTime ?? known.lastTransitionTime ?? "");
  const left = (Number.isFinite(since) ? since : now) + deadline * 1000 - now;
  if (left > 0) return left;
  const message = `ReplicaSet "${name}" has timed out progressing.`;
  say({ status: "False", reason: "ProgressDeadlineExceeded", message });
  return undefined;
}

function moved(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const count = (value: number | undefined): number => value ?? 0;
  const old = (status: DeploymentStatus): number => count(status.replicas) - count(status.updatedReplicas);
  return (
    count(after.updatedReplicas) > count(before.updatedReplicas) ||
    old(after) < old(before) ||
    count(after.readyReplicas) > count(before.readyReplicas) ||
    count(after.availableReplicas) > count(before.availableReplicas)
  );
}

function put(conditions: DeploymentCondition[], says: ConditionSays, now: Instant): void {
  if (!setCondition(conditions, says, now)) return;
  const condition = conditions.find(({ type }) => type === says.type);
  if (condition !== undefined) condition.lastUpdateTime = toRfc3339(now);
}

function touch(conditions: DeploymentCondition[], now: Instant): void {
  const condition = conditions.find(({ type }) => type === "Progressing");
  if (condition !== undefined) condition.lastUpdateTime = toRfc3339(now);
}
