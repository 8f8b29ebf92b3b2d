import type { KubeObject } from "@selvedge/apimachinery";
import type { Pod } from "@selvedge/kinds";
import { type Caches, controllerOf, scaleKey } from "../objects/caches.ts";

/** What may be scaled for a Pod to come or go, from what owns it up: as the index of autoscalers names them. */
export function scaledWith(caches: Pick<Caches, "replicaSets">, pod: Pod): string[] {
  const { namespace = "" } = pod.metadata;
  const keys: string[] = [];
  let object: KubeObject | undefined = pod;
  while (object !== undefined && keys.length < ownersMax) {
    const owner = controllerOf(object);
    if (owner === undefined) break;
    keys.push(scaleKey(namespace, owner));
    object = owner.kind === "ReplicaSet" ? caches.replicaSets.get(owner.name, namespace) : undefined;
  }
  return keys;
}

/** A Pod is of a ReplicaSet, and that of what rolls it out. */
const ownersMax = 2;

/** Whether an autoscaler counts on hearing of a node in good time how busy its Pods are. */
export function followsLoad(
  caches: Pick<Caches, "replicaSets" | "autoscalers">,
  pods: readonly Pod[],
): boolean {
  return pods.some((pod) =>
    scaledWith(caches, pod).some((key) => caches.autoscalers.by("scaled", key).length > 0),
  );
}
