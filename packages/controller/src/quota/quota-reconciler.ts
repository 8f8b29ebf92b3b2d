import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual, minutes, seconds } from "@selvedge/base";
import { type KindRef, keyOf, splitKey } from "@selvedge/client";
import { type Pod, type ResourceQuota, resourceQuotaKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isOver } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { usedOf } from "./quota-usage.ts";

export interface QuotaDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  /** Every kind with a namespace that the API server serves. */
  readonly contents: () => readonly KindRef[];
}

/** What is made is counted as it is made; of what goes, only kinds in memory tell. */
const countAgain = minutes(5);
const settles = seconds(2);

/** Says how much of a quota is used, when something has gone or the quota has changed. */
export class QuotaReconciler implements Reconciler {
  readonly name = "quota";
  readonly reads: readonly string[] = ["ResourceQuota", "everything it counts"];
  readonly writes: readonly string[] = ["ResourceQuota.status"];
  readonly #deps: QuotaDeps;
  /** As each was when it was last looked at. */
  readonly #seen = new Map<string, ResourceQuota>();

  constructor(deps: QuotaDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster, contents } = this.#deps;
    const { namespace, name } = splitKey(key);
    const quota = caches.quotas.get(name, namespace);
    const seen = this.#seen.get(key);
    if (quota === undefined || quota.metadata.deletionTimestamp !== undefined) {
      this.#seen.delete(key);
      return settled;
    }
    this.#seen.set(key, quota);
    const letIn =
      seen?.metadata.resourceVersion !== quota.metadata.resourceVersion && jsonEqual(seen?.spec, quota.spec);
    // What was let in is stored after it was counted, or not at all.
    if (letIn) return lookAgain("something is being stored", settles);
    const { uid, resourceVersion } = quota.metadata;
    const used = await usedOf(quota, cluster.objects, contents());
    const status = { hard: quota.spec.hard ?? {}, used };
    let isSame = true;
    await cluster.changeStatus<ResourceQuota>(resourceQuotaKind, name, namespace, (draft) => {
      // Somebody was let in meanwhile: what was counted may miss it.
      isSame = draft.metadata.uid === uid && draft.metadata.resourceVersion === resourceVersion;
      if (!isSame || jsonEqual(draft.status ?? {}, status)) return false;
      draft.status = status;
      return true;
    });
    const written = caches.quotas.get(name, namespace);
    if (written !== undefined && isSame) this.#seen.set(key, written);
    return lookAgain("counting again now and then", countAgain);
  }
}

export function quotaWakes(caches: Caches, kinds: readonly KindRef[]): Wake[] {
  const keysIn = (object: KubeObject | undefined): string[] =>
    caches.quotas.by("namespace", object?.metadata.namespace ?? "").map(keyOf);
  const gone = kinds.map(
    (kind): Wake => ({
      kind,
      keys: (before, after) => (hasGone(before, after) ? keysIn(before) : []),
    }),
  );
  return [
    wakeOn<ResourceQuota>(resourceQuotaKind, (before, after) => {
      const quota = after ?? before;
      return quota === undefined ? [] : [keyOf(quota)];
    }),
    ...gone,
  ];
}

function hasGone(before: KubeObject | undefined, after: KubeObject | undefined): boolean {
  if (before === undefined) return false;
  return after === undefined || (before.kind === "Pod" && mayTakeLess(before as Pod, after as Pod));
}

/** It has ended, is of another scope by its deadline, or has another size: asked for, or had. */
function mayTakeLess(before: Pod, after: Pod): boolean {
  const pending = ({ status }: Pod): boolean | undefined =>
    status?.conditions?.some(({ type }) => type === "PodResizePending");
  return (
    (!isOver(before) && isOver(after)) ||
    before.metadata.generation !== after.metadata.generation ||
    pending(before) !== pending(after)
  );
}
