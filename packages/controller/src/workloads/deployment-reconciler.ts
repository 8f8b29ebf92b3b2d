import { jsonEqual, millis } from "@selvedge/base";
import { isReason, keyOf, objectKey, splitKey } from "@selvedge/client";
import {
  type Deployment,
  deploymentKind,
  type Pod,
  podKind,
  type ReplicaSet,
  replicaSetKind,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable, controllerOf } from "../objects/caches.ts";
import { withoutZeros } from "../objects/counts.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { claim } from "./claims.ts";
import { currentRevision, type DeploymentStep, planDeployment } from "./deployment-plan.ts";
import { type DeploymentView, revisionAnnotation, viewOf } from "./deployment-sets.ts";
import { deploymentStatus } from "./deployment-status.ts";
import type { WorkloadDeps } from "./pod-owner.ts";

const component = "deployment-controller";

/** Rolls a Deployment's ReplicaSets from one template to the next. The key is `namespace/name`. */
export class DeploymentReconciler implements Reconciler {
  readonly name = "deployment";
  readonly reads: readonly string[] = ["Deployment", "ReplicaSet", "Pod"];
  readonly writes: readonly string[] = [
    "ReplicaSet",
    "Deployment.status",
    "Deployment.metadata.annotations[revision]",
  ];
  readonly #deps: WorkloadDeps;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster } = this.#deps;
    const { namespace, name } = splitKey(key);
    const deployment = caches.deployments.get(name, namespace);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return settled;
    const candidates = claimable(caches.replicaSets, deployment);
    const { selector } = deployment.spec;
    const sets = await claim<ReplicaSet>(cluster, replicaSetKind, deployment, selector, candidates);
    const live = sets.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const pods = live.flatMap(({ metadata }) => caches.pods.by("owner", metadata.uid ?? ""));
    const view = viewOf(deployment, live, pods);
    for (const step of planDeployment(view)) await this.#take(deployment, step);
    return await this.#say(view);
  }

  async #take(deployment: Deployment, step: DeploymentStep): Promise<void> {
    const { cluster } = this.#deps;
    const { name, namespace } = step.set.metadata;
    switch (step.type) {
      case "create":
        await this.#create(deployment, step.set);
        return;
      case "annotate":
        await cluster.change<ReplicaSet>(replicaSetKind, name, namespace, (draft) => {
          draft.metadata.annotations = step.annotations;
          return true;
        });
        return;
      case "remove":
        await cluster.delete(replicaSetKind, step.set);
        return;
      case "scale": {
        const before = step.set.spec.replicas ?? 1;
        await cluster.change<ReplicaSet>(replicaSetKind, name, namespace, (draft) => {
          draft.spec.replicas = step.replicas;
          return true;
        });
        const direction = step.replicas > before ? "up" : "down";
        const message = `Scaled ${direction} replica set ${name} from ${before} to ${step.replicas}`;
        await this.#tell(deployment, message);
        return;
      }
    }
  }

  async #create(deployment: Deployment, set: ReplicaSet): Promise<void> {
    const { cluster } = this.#deps;
    const { name, namespace } = deployment.metadata;
    try {
      await cluster.create(replicaSetKind, set);
      const { replicas = 1 } = set.spec;
      if (replicas > 0)
        await this.#tell(deployment, `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      // Another template has this hash, or another owner this name: count it, and the next hash is another.
      await cluster.changeStatus<Deployment>(deploymentKind, name, namespace, (draft) => {
        draft.status = { ...draft.status, collisionCount: (draft.status?.collisionCount ?? 0) + 1 };
        return true;
      });
    }
  }

  async #say(view: DeploymentView): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { name, namespace, uid } = view.deployment.metadata;
    const sets = caches.replicaSets
      .by("owner", uid ?? "")
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const deployment = caches.deployments.get(name, namespace) ?? view.deployment;
    const after = viewOf(deployment, sets, view.pods);
    const { status: counted, again } = deploymentStatus(after, clock.now());
    const status = withoutZeros(counted, []);
    const revision = String(currentRevision(after));
    if (after.sets.fresh !== undefined) {
      await cluster.change<Deployment>(deploymentKind, name, namespace, (draft) => {
        if (draft.metadata.uid !== uid || draft.metadata.annotations?.[revisionAnnotation] === revision) {
          return false;
        }
        draft.metadata.annotations = { ...draft.metadata.annotations, [revisionAnnotation]: revision };
        return true;
      });
    }
    await cluster.changeStatus<Deployment>(deploymentKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== uid || jsonEqual(draft.status ?? {}, status)) return false;
      draft.status = { ...status, collisionCount: draft.status?.collisionCount ?? 0 };
      if (draft.status.collisionCount === 0) delete draft.status.collisionCount;
      return true;
    });
    return again === undefined ? settled : lookAgain("a rollout is under way", millis(Math.max(again, 1000)));
  }

  async #tell(deployment: Deployment, message: string): Promise<void> {
    const happening = { type: "Normal" as const, reason: "ScalingReplicaSet", message, component };
    await this.#deps.events.record(deployment, happening);
  }
}

export function deploymentWakes(caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => caches.deployments.by("namespace", namespace).map(keyOf);
  return [
    wakeOn<Deployment>(deploymentKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<ReplicaSet>(replicaSetKind, (before, after) => {
      const set = after ?? before;
      const owner = set && controllerOf(set);
      if (owner?.kind === "Deployment") return [objectKey(owner.name, set?.metadata.namespace)];
      return after === undefined || owner !== undefined ? [] : keysIn(after.metadata.namespace ?? "");
    }),
    // A Deployment that recreates waits for its old Pods to be gone.
    wakeOn<Pod>(podKind, (before, after) => {
      const over = after === undefined || after.status?.phase !== before?.status?.phase;
      const owner = before && controllerOf(before);
      if (!over || owner?.kind !== "ReplicaSet") return [];
      const set = caches.replicaSets.get(owner.name, before?.metadata.namespace);
      const above = set && controllerOf(set);
      return above?.kind === "Deployment" ? [objectKey(above.name, set?.metadata.namespace)] : [];
    }),
  ];
}
