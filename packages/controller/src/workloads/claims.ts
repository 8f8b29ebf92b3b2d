import type { KubeObject } from "@selvedge/apimachinery";
import { type LabelSelector, matchesLabels, requirementsOf } from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import { controllerOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { controllerReference } from "./template.ts";

/**
 * Which objects an owner has: those that name it as their controller and match its selector. One that
 * matches and has no controller is adopted, one that no longer matches is released, as upstream does; so
 * `--cascade=orphan` and a new owner lose nothing.
 */
export async function claim<T extends KubeObject>(
  cluster: Cluster,
  kind: KindRef,
  owner: KubeObject,
  selector: LabelSelector | undefined,
  candidates: readonly T[],
): Promise<T[]> {
  const requirements = requirementsOf(selector) ?? [];
  const uid = owner.metadata.uid ?? "";
  const mine: T[] = [];
  for (const object of candidates) {
    const controller = controllerOf(object);
    const matches = requirements.length > 0 && matchesLabels(requirements, object.metadata.labels);
    if (controller?.uid === uid) {
      if (matches) mine.push(object);
      else await setController(cluster, kind, object, owner, false);
    } else if (controller === undefined && matches && mayAdopt(owner, object)) {
      const adopted = await setController(cluster, kind, object, owner, true);
      if (adopted !== undefined) mine.push(adopted);
    }
  }
  return mine;
}

function mayAdopt(owner: KubeObject, object: KubeObject): boolean {
  return owner.metadata.deletionTimestamp === undefined && object.metadata.deletionTimestamp === undefined;
}

async function setController<T extends KubeObject>(
  cluster: Cluster,
  kind: KindRef,
  object: T,
  owner: KubeObject,
  own: boolean,
): Promise<T | undefined> {
  const { name, namespace, uid } = object.metadata;
  return await cluster.change<T>(kind, name, namespace, (draft) => {
    if (draft.metadata.uid !== uid) return false;
    const others = (draft.metadata.ownerReferences ?? []).filter((one) => one.uid !== owner.metadata.uid);
    if (own && controllerOf(draft) !== undefined) return false;
    draft.metadata.ownerReferences = own ? [...others, controllerReference(owner)] : others;
    return true;
  });
}
