import { type Clock, type Millis, millis, seconds } from "@selvedge/base";
import { keyOf, splitKey } from "@selvedge/client";
import { type Node, nodeKind, type Pod, podKind } from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { AppList, NodeFacts } from "../ingest/node-facts.ts";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isGoing, isOver } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";

export interface PodRemoverDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
  readonly facts: NodeFacts;
}

/** What is known of where a Pod runs. */
export interface PodPlace {
  readonly nodeExists: boolean;
  /** What the node said it has, and on which configuration it runs. */
  readonly apps: AppList | undefined;
  /** The newest configuration made for it. */
  readonly renderedHash: string | undefined;
}

export type RemovalPlan = "remove" | "keep" | "keep-for-a-moment";

/** A Node may be made a moment after a Pod that names it. */
const quarantine: Millis = seconds(40);

/**
 * Whether the object of a Pod may go: when nothing of it runs, and nothing can start any more. Pure;
 * docs/decisions/0004.
 */
export function planRemoval(pod: Pod, place: PodPlace): RemovalPlan {
  const { nodeName } = pod.spec;
  if (nodeName && !place.nodeExists) return isGoing(pod) ? "remove" : "keep-for-a-moment";
  if (!isGoing(pod)) return "keep";
  if (!nodeName || isOver(pod)) return "remove";
  const { apps, renderedHash } = place;
  // The node runs on the configuration that stops the app, and it does not have the app: it never started
  // or is long gone.
  const told = apps !== undefined && apps.configHash !== "" && apps.configHash === renderedHash;
  return told && !apps.apps.has(pod.metadata.uid ?? "") ? "remove" : "keep";
}

/** Removes the objects of Pods that have ended after they were asked to. The key is `namespace/name`. */
export class PodRemover implements Reconciler {
  readonly name = "pod-remover";
  readonly reads: readonly string[] = ["Pod", "Node", "node reports", "EdgeNode.status.configHash.rendered"];
  readonly writes: readonly string[] = ["Pod removal (ended)", "Pod.status.phase (never ran)"];
  readonly #deps: PodRemoverDeps;
  readonly #suspects = new Map<string, Millis>();

  constructor(deps: PodRemoverDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, clock, cluster, facts } = this.#deps;
    const { namespace, name } = splitKey(key);
    const pod = caches.pods.get(name, namespace);
    if (pod === undefined) {
      this.#suspects.delete(key);
      return settled;
    }
    const { nodeName = "" } = pod.spec;
    const [edgeNode] = caches.edgeNodes.by("node", nodeName);
    const plan = planRemoval(pod, {
      nodeExists: caches.nodes.get(nodeName) !== undefined,
      apps: facts.apps(edgeNode?.status?.nodeID ?? ""),
      renderedHash: edgeNode?.status?.configHash?.rendered,
    });
    if (plan === "keep") {
      this.#suspects.delete(key);
      return settled;
    }
    if (plan === "keep-for-a-moment") {
      const now = clock.monotonic();
      const since = this.#suspects.get(key) ?? now;
      this.#suspects.set(key, since);
      const left = millis(since + quarantine - now);
      if (left > 0) return lookAgain(`node ${nodeName} does not exist`, left);
    }
    this.#suspects.delete(key);
    // Whoever holds the object waits for an end, and no node will tell of one.
    if (!isOver(pod) && (pod.metadata.finalizers ?? []).length > 0)
      await cluster.changeStatus<Pod>(podKind, name, namespace, (draft) => {
        if (isOver(draft)) return false;
        draft.status = { ...draft.status, phase: "Failed" };
        return true;
      });
    await cluster.delete(podKind, pod, { gracePeriodSeconds: 0 });
    return settled;
  }
}

export function podRemoverWakes(caches: Caches): Wake[] {
  return [
    wakeOn<Pod>(podKind, (before, after) => {
      if (after === undefined) return before === undefined ? [] : [keyOf(before)];
      const homeless = after.spec.nodeName && caches.nodes.get(after.spec.nodeName) === undefined;
      return isGoing(after) || homeless ? [keyOf(after)] : [];
    }),
    wakeOn<Node>(nodeKind, (before, after) => {
      if (before !== undefined && after !== undefined) return [];
      return caches.pods.by("node", (after ?? before)?.metadata.name ?? "").map(keyOf);
    }),
  ];
}

/** The keys of Pods on a node that wait for its word. */
export function goingPodsOf(caches: Caches, nodeName: string): string[] {
  return caches.pods.by("node", nodeName).filter(isGoing).map(keyOf);
}
