import type { KindRef } from "@selvedge/client";
import { type ControllerRevision, controllerRevisionKind } from "@selvedge/kinds";
import type { HistoryPlan, RevisedSet } from "./history.ts";
import type { WorkloadDeps } from "./pod-owner.ts";

/**
 * Carries out what was planned for a set's revisions. Returns false when the name of the new revision was
 * taken: the count of collisions wakes the set again.
 */
export async function keepHistory(
  { cluster, caches }: Pick<WorkloadDeps, "cluster" | "caches">,
  kind: KindRef,
  set: RevisedSet,
  { create, renumber, remove }: HistoryPlan,
): Promise<boolean> {
  const { name, namespace = "" } = set.metadata;
  if (create !== undefined) {
    if (caches.revisions.get(create.metadata.name, namespace) !== undefined) {
      await cluster.changeStatus<RevisedSet>(kind, name, namespace, (draft) => {
        const collisionCount = (draft.status?.collisionCount ?? 0) + 1;
        draft.status = { ...draft.status, collisionCount } as NonNullable<typeof draft.status>;
        return true;
      });
      return false;
    }
    await cluster.create(controllerRevisionKind, create);
  }
  if (renumber !== undefined) {
    const { revision, number } = renumber;
    const { metadata } = revision;
    await cluster.change<ControllerRevision>(controllerRevisionKind, metadata.name, namespace, (draft) => {
      draft.revision = number;
      return true;
    });
  }
  for (const revision of remove) await cluster.delete(controllerRevisionKind, revision);
  return true;
}
