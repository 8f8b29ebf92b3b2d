/**
 * Every reconciler that acts on objects, with what wakes it: the controller in one table. What each reads
 * and writes is said by itself; a start refuses two writers of one thing.
 */
import type { Log, Random } from "@selvedge/base";
import type { KindRef } from "@selvedge/client";
import {
  type AutoscalerDeps,
  AutoscalerReconciler,
  autoscalerWakes,
} from "./autoscaling/autoscaler-reconciler.ts";
import { BudgetReconciler, budgetWakes } from "./disruption/budget-reconciler.ts";
import { EndpointsReconciler, endpointsWakes } from "./endpoints/endpoints-reconciler.ts";
import { MirrorReconciler, mirrorWakes } from "./endpoints/mirror-reconciler.ts";
import { LooseKinds, type ServedKinds } from "./garbage/loose-kinds.ts";
import { NamespaceReconciler, namespaceWakes } from "./garbage/namespace-reconciler.ts";
import { OwnerCollector } from "./garbage/owner-collector.ts";
import { goingPodsOf, PodRemover, podRemoverWakes } from "./garbage/pod-remover.ts";
import { Sweeper, sweeperKey } from "./garbage/sweeper.ts";
import type { StateBook } from "./ingest/state-book.ts";
import { PolicyReconciler, policyWakes } from "./network/policy-reconciler.ts";
import { type NodeDeps, NodeReconciler, nodeWakes } from "./node-status/node-reconciler.ts";
import { type Caches, nodeNameOf } from "./objects/caches.ts";
import type { Wired } from "./objects/wiring.ts";
import { type PatchDeps, PatchReconciler, patchNews, patchWakes } from "./patches/patch-reconciler.ts";
import type { NodeId } from "./ports.ts";
import { QuotaReconciler, quotaWakes } from "./quota/quota-reconciler.ts";
import { type RenderDeps, RenderReconciler } from "./render/render-reconciler.ts";
import { renderWakes } from "./render/render-wakes.ts";
import { SchedulerReconciler, schedulerKey, schedulerWakes } from "./scheduling/scheduler-reconciler.ts";
import { TaintReconciler, taintWakes } from "./scheduling/taint-reconciler.ts";
import { ClaimReconciler, claimWakes } from "./volumes/claim-reconciler.ts";
import { CronJobReconciler, cronJobWakes } from "./workloads/cron/cron-reconciler.ts";
import { daemonSetWiring } from "./workloads/daemon-set-reconciler.ts";
import { DeploymentReconciler, deploymentWakes } from "./workloads/deployment-reconciler.ts";
import { JobReconciler, jobWakes } from "./workloads/jobs/job-reconciler.ts";
import { replicaSetWiring, replicationControllerWiring } from "./workloads/replica-set-reconciler.ts";
import { StatefulSetReconciler, statefulSetWakes } from "./workloads/stateful/stateful-reconciler.ts";

export interface ReconcilersDeps extends RenderDeps, NodeDeps, Omit<PatchDeps, "states"> {
  readonly states: StateBook;
  readonly usages: AutoscalerDeps["usages"];
  /** Called when the controller's certificates were renewed. Returns how to stop. */
  readonly onRenewed: (listener: () => void) => () => void;
  /** Every kind with a namespace that the API server serves. */
  readonly contents: () => readonly KindRef[];
  readonly served: ServedKinds & AutoscalerDeps["served"];
  readonly random: Random;
  readonly log: Log;
}

export function createReconcilers(deps: ReconcilersDeps): Wired[] {
  const { cluster, caches, facts, links, sealer, clock } = deps;
  const heard = fromNodes(caches, (listener) => facts.onChange(listener));
  const linked = fromNodes(caches, (listener) =>
    links.onChange((id) => {
      // A link that comes or goes is a word of the node; its silence begins with it.
      facts.see(id, clock.now(), clock.monotonic());
      listener(id);
    }),
  );
  const render = new RenderReconciler(deps);
  return [
    {
      reconciler: render,
      wakes: renderWakes(caches, (nodeName) => render.awaits(nodeName)),
      connect: both(certified(caches, sealer), renewed(caches, deps.onRenewed)),
    },
    { reconciler: new NodeReconciler(deps), wakes: nodeWakes(), connect: both(heard, linked) },
    daemonSetWiring(deps),
    { reconciler: new DeploymentReconciler(deps), wakes: deploymentWakes(caches) },
    replicaSetWiring(deps),
    replicationControllerWiring(deps),
    { reconciler: new StatefulSetReconciler(deps), wakes: statefulSetWakes(caches) },
    { reconciler: new JobReconciler(deps), wakes: jobWakes(caches) },
    { reconciler: new CronJobReconciler(deps), wakes: cronJobWakes() },
    { reconciler: new ClaimReconciler(deps), wakes: claimWakes(caches) },
    { reconciler: new TaintReconciler(deps), wakes: taintWakes(caches) },
    { reconciler: new EndpointsReconciler(deps), wakes: endpointsWakes(caches) },
    { reconciler: new MirrorReconciler(deps), wakes: mirrorWakes() },
    { reconciler: new PolicyReconciler(deps), wakes: policyWakes(caches) },
    {
      reconciler: new PatchReconciler(deps),
      wakes: patchWakes(caches),
      connect: patchNews(caches, [deps.states, deps.patchUse]),
    },
    { reconciler: new BudgetReconciler(deps), wakes: budgetWakes(caches) },
    { reconciler: new AutoscalerReconciler(deps), wakes: autoscalerWakes() },
    { reconciler: new QuotaReconciler(deps), wakes: quotaWakes(caches, namespacedOf(cluster)) },
    { reconciler: new SchedulerReconciler(deps), wakes: schedulerWakes(), initial: [schedulerKey] },
    {
      reconciler: new PodRemover(deps),
      wakes: podRemoverWakes(caches),
      connect: (wake) =>
        heard((nodeName) => {
          for (const key of goingPodsOf(caches, nodeName)) wake(key);
        }),
    },
    { reconciler: new NamespaceReconciler(deps), wakes: namespaceWakes(caches) },
    new OwnerCollector(
      cluster,
      new LooseKinds({ ...deps, objects: cluster.objects, cached: cluster.kinds }),
      deps.clock,
    ).wired(),
    { reconciler: new Sweeper(deps), wakes: [], initial: [sweeperKey] },
  ];
}

/** Kinds in memory whose objects a quota may count. */
function namespacedOf({ kinds }: RenderDeps["cluster"]): KindRef[] {
  return kinds.filter(({ namespaced }) => namespaced);
}

type Connect = NonNullable<Wired["connect"]>;

/** Wake-ups by a node's id become wake-ups by the name of its Node. */
function fromNodes(caches: Caches, listen: (listener: (id: NodeId) => void) => () => void): Connect {
  return (wake) =>
    listen((id) => {
      for (const edgeNode of caches.edgeNodes.by("id", id)) wake(nodeNameOf(edgeNode));
    });
}

function certified(caches: Caches, sealer: RenderDeps["sealer"]): Connect {
  return fromNodes(caches, (listener) => sealer.onChange(listener));
}

/** Every node's configuration names the controller's certificates. */
function renewed(caches: Caches, onRenewed: ReconcilersDeps["onRenewed"]): Connect {
  return (wake) =>
    onRenewed(() => {
      for (const edgeNode of caches.edgeNodes.list()) wake(nodeNameOf(edgeNode));
    });
}

function both(one: Connect, other: Connect): Connect {
  return (wake) => {
    const stops = [one(wake), other(wake)];
    return () => {
      for (const stop of stops) stop();
    };
  };
}
