import { jsonEqual, Turns } from "@selvedge/base";
import { keyOf } from "@selvedge/client";
import { type DaemonSet, daemonSetKind, type Node, nodeKind, type Pod } from "@selvedge/kinds";
import type { Happening } from "../events/event-recorder.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { planDaemonSet } from "./daemon-set-plan.ts";
import { planHistory, revisionHashLabel } from "./history.ts";
import { keepHistory } from "./keep-history.ts";
import type { WorkloadDeps } from "./pod-owner.ts";
import { type PodSetKind, PodSetReconciler, podSetWakes } from "./pod-set-reconciler.ts";

const component = "daemonset-controller";

/** That a Pod has ended which should not, and goes to make room for the next one. */
function found({ metadata, spec, status }: Pod): Omit<Happening, "component"> {
  const which = `daemon pod ${metadata.namespace}/${metadata.name} on node ${spec.nodeName}`;
  return status?.phase === "Succeeded"
    ? {
        type: "Normal",
        reason: "SucceededDaemonPod",
        message: `Found succeeded ${which}, will try to delete it`,
      }
    : { type: "Warning", reason: "FailedDaemonPod", message: `Found failed ${which}, will try to kill it` };
}

function daemonSets(deps: WorkloadDeps): PodSetKind<DaemonSet> {
  const { caches, clock } = deps;
  return {
    ...{ ref: daemonSetKind, component },
    reads: ["DaemonSet", "ControllerRevision", "Pod", "Node"],
    writes: ["ControllerRevision", "Pod (of a DaemonSet)", "DaemonSet.status"],
    alwaysCounted: [
      ...["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"],
      "collisionCount",
    ],
    cache: (all) => all.daemonSets,
    selector: ({ spec }) => spec.selector,
    plan: async (set, pods) => {
      const revisions = caches.revisions.by("owner", set.metadata.uid ?? "");
      const used = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionHashLabel]));
      const history = planHistory(set, revisions, (one) =>
        used.has(one.metadata.labels?.[revisionHashLabel]),
      );
      if (!(await keepHistory(deps, daemonSetKind, set, history))) return undefined;
      const nodes = caches.nodes.list();
      const steps = planDaemonSet({ set, hash: history.hash, nodes, pods, now: clock.now() });
      const plan = await new Turns(clock).take(steps);
      const remove = plan.remove.map(({ pod }) => pod);
      for (const { pod, why } of plan.remove) {
        if (why === "failed") await deps.events.record(set, { ...found(pod), component });
      }
      return { ...plan, remove, first: "remove", members: nodes.length };
    },
  };
}

/** Keeps one Pod of each DaemonSet on every node that matches. */
export function daemonSetWiring(deps: WorkloadDeps): {
  reconciler: PodSetReconciler<DaemonSet>;
  wakes: Wake[];
} {
  const { caches } = deps;
  const kind = daemonSets(deps);
  const nodes = wakeOn<Node>(nodeKind, (before, after) => {
    const seen = (node: Node | undefined): unknown => [node?.metadata.labels, node?.spec];
    if (before !== undefined && after !== undefined && jsonEqual(seen(before), seen(after))) return [];
    return caches.daemonSets.list().map(keyOf);
  });
  return { reconciler: new PodSetReconciler(deps, kind), wakes: [...podSetWakes(kind, caches), nodes] };
}
