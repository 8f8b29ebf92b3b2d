import type { Clock } from "@selvedge/base";
import { objectKey } from "@selvedge/client";
import type { Pod } from "@selvedge/kinds";
import type { EventRecorder } from "../events/event-recorder.ts";
import { type Caches, controllerOf } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";

/** What every reconciler of a workload is given. */
export interface WorkloadDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/** The owners a Pod's change is about: those it names, or any of its namespace that may adopt it. */
export function podOwnerKeys(
  kind: string,
  before: Pod | undefined,
  after: Pod | undefined,
  keysIn: (namespace: string) => string[],
): string[] {
  const keys = new Set<string>();
  for (const pod of [before, after]) {
    if (pod === undefined) continue;
    const owner = controllerOf(pod);
    if (owner?.kind === kind) keys.add(objectKey(owner.name, pod.metadata.namespace));
  }
  if (after !== undefined && controllerOf(after) === undefined && keys.size === 0) {
    return keysIn(after.metadata.namespace ?? "");
  }
  return [...keys];
}
