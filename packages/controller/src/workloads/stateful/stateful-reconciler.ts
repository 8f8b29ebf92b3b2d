import type { OwnerReference } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { isReason, keyOf, objectKey, splitKey } from "@selvedge/client";
import {
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimKind,
  podKind,
  type StatefulSet,
  statefulSetKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { type Caches, claimable } from "../../objects/caches.ts";
import { withoutZeros } from "../../objects/counts.ts";
import { type Wake, wakeOn } from "../../objects/wiring.ts";
import { claim } from "../claims.ts";
import { planHistory, revisionTemplate } from "../history.ts";
import { keepHistory } from "../keep-history.ts";
import { later } from "../later.ts";
import { refusalText } from "../pod-control.ts";
import { podOwnerKeys, type WorkloadDeps } from "../pod-owner.ts";
import { planStatefulSet, type Revision, type StatefulPlan } from "./stateful-plan.ts";
import { claimsFor, ordinalOf, revisionOf } from "./stateful-pods.ts";

const component = "statefulset-controller";

/** Keeps the numbered Pods of a StatefulSet. The key is `namespace/name`. */
export class StatefulSetReconciler implements Reconciler {
  readonly name = "statefulset";
  readonly reads: readonly string[] = ["StatefulSet", "ControllerRevision", "Pod", "PersistentVolumeClaim"];
  readonly writes: readonly string[] = [
    "ControllerRevision (of a StatefulSet)",
    "Pod (of a StatefulSet)",
    "PersistentVolumeClaim (of a StatefulSet)",
    "StatefulSet.status",
  ];
  readonly #deps: WorkloadDeps;

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, clock } = this.#deps;
    const { namespace, name } = splitKey(key);
    const set = caches.statefulSets.get(name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return settled;
    const candidates = claimable(caches.pods, set).filter((pod) => ordinalOf(set, pod) !== undefined);
    const pods = await claim<Pod>(cluster, podKind, set, set.spec.selector, candidates);
    const revisions = caches.revisions.by("owner", set.metadata.uid ?? "");
    const used = new Set([...pods.map(revisionOf), set.status?.currentRevision]);
    const history = planHistory(set, revisions, ({ metadata }) => used.has(metadata.name));
    if (!(await keepHistory(this.#deps, statefulSetKind, set, history))) return settled;
    const update: Revision = { name: history.name, template: set.spec.template };
    const former = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision);
    const template = former && revisionTemplate(former);
    const current = template === undefined ? update : { name: former?.metadata.name ?? "", template };
    const plan = planStatefulSet({ set, pods, current, update, now: clock.now() });
    await this.#keepClaims(set, pods);
    await this.#act(set, plan);
    const status = withoutZeros(plan.status, ["replicas", "availableReplicas", "collisionCount"]);
    await cluster.changeStatus<StatefulSet>(statefulSetKind, name, namespace, (draft) => {
      if (draft.metadata.uid !== set.metadata.uid || jsonEqual(draft.status ?? {}, status)) return false;
      draft.status = status;
      return true;
    });
    return later(plan.again);
  }

  async #act(set: StatefulSet, plan: StatefulPlan): Promise<void> {
    const { cluster } = this.#deps;
    for (const pod of plan.remove) {
      await cluster.delete(podKind, pod);
      await this.#tell(
        set,
        "SuccessfulDelete",
        `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`,
      );
    }
    for (const { pod, ordinal } of plan.create) {
      for (const wanted of claimsFor(set, ordinal)) await this.#makeClaim(set, wanted, pod);
      const what = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
      try {
        await cluster.create(podKind, pod);
      } catch (error) {
        await this.#tell(set, "FailedCreate", `${what} failed error: ${refusalText(error)}`);
        throw error;
      }
      await this.#tell(set, "SuccessfulCreate", `${what} successful`);
    }
  }

  async #makeClaim(set: StatefulSet, wanted: PersistentVolumeClaim, pod: Pod): Promise<void> {
    const { cluster, caches } = this.#deps;
    const { name, namespace } = wanted.metadata;
    if (caches.claims.get(name, namespace) !== undefined) return;
    const owners = ownersOf(set, undefined);
    if (owners.length > 0) wanted.metadata.ownerReferences = owners;
    try {
      await cluster.create(persistentVolumeClaimKind, wanted);
    } catch (error) {
      if (isReason(error, "AlreadyExists")) return;
      const [of, why] = [`Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`, refusalText(error)];
      await this.#tell(set, "FailedCreate", `create Claim ${name} for ${of} failed error: ${why}`);
      await this.#tell(
        set,
        "FailedCreate",
        `create ${of} failed error: failed to create PVC ${name}: ${why}`,
      );
      throw error;
    }
    const message = `create Claim ${name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} success`;
    await this.#tell(set, "SuccessfulCreate", message);
  }

  /** What goes with what: a claim belongs to the set, or to a Pod that is one too many, as the policy says. */
  async #keepClaims(set: StatefulSet, pods: readonly Pod[]): Promise<void> {
    const { cluster, caches } = this.#deps;
    if ((set.spec.volumeClaimTemplates ?? []).length === 0) return;
    const start = set.spec.ordinals?.start ?? 0;
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod) ?? 0;
      const isExtra = ordinal < start || ordinal >= start + (set.spec.replicas ?? 1);
      const owners = ownersOf(set, isExtra ? pod : undefined);
      for (const { metadata } of claimsFor(set, ordinal)) {
        const stored = caches.claims.get(metadata.name, metadata.namespace);
        if (stored === undefined) continue;
        const ours = (one: OwnerReference): boolean =>
          one.uid === set.metadata.uid || one.uid === pod.metadata.uid;
        const others = (stored.metadata.ownerReferences ?? []).filter((one) => !ours(one));
        const wanted = [...others, ...owners];
        if (jsonEqual(stored.metadata.ownerReferences ?? [], wanted)) continue;
        await cluster.change<PersistentVolumeClaim>(
          persistentVolumeClaimKind,
          metadata.name,
          metadata.namespace,
          (draft) => {
            if (wanted.length > 0) draft.metadata.ownerReferences = wanted;
            else delete draft.metadata.ownerReferences;
            return true;
          },
        );
      }
    }
  }

  async #tell(set: StatefulSet, reason: string, message: string): Promise<void> {
    const type = reason === "FailedCreate" ? "Warning" : "Normal";
    await this.#deps.events.record(set, { type, reason, message, component });
  }
}

function ownersOf(
  { spec, apiVersion, kind, metadata }: StatefulSet,
  extra: Pod | undefined,
): OwnerReference[] {
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (extra !== undefined && whenScaled === "Delete") {
    const { name, uid = "" } = extra.metadata;
    return [{ apiVersion: extra.apiVersion, kind: extra.kind, name, uid }];
  }
  const { name, uid = "" } = metadata;
  return whenDeleted === "Delete" ? [{ apiVersion, kind, name, uid, controller: true }] : [];
}

export function statefulSetWakes(caches: Caches): Wake[] {
  const keysIn = (namespace: string): string[] => caches.statefulSets.by("namespace", namespace).map(keyOf);
  return [
    wakeOn<StatefulSet>(statefulSetKind, (_before, after) => (after === undefined ? [] : [keyOf(after)])),
    wakeOn<Pod>(podKind, (before, after) => {
      const keys = podOwnerKeys("StatefulSet", before, after, keysIn);
      // A stranger in the way that goes makes room.
      const match = after === undefined ? /^(.*)-\d+$/.exec(before?.metadata.name ?? "") : null;
      return match === null
        ? keys
        : [...new Set([...keys, objectKey(match[1] ?? "", before?.metadata.namespace)])];
    }),
  ];
}
