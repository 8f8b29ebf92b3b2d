import { keyOf, splitKey } from "@selvedge/client";
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceKind,
  endpointsKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { managedBy, serviceLabel } from "./endpoints-plan.ts";
import { isMirrored, mirrorManager, mirrorOf } from "./mirror-plan.ts";
import { keepSlices } from "./slices.ts";

export interface MirrorDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
}

/** Says as EndpointSlices what somebody wrote as Endpoints. The key is the Service's `namespace/name`. */
export class MirrorReconciler implements Reconciler {
  readonly name = "endpoints-mirror";
  readonly reads: readonly string[] = ["Service", "Endpoints"];
  readonly writes: readonly string[] = ["EndpointSlice (of Endpoints)"];
  readonly #deps: MirrorDeps;

  constructor(deps: MirrorDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster } = this.#deps;
    const { namespace, name } = splitKey(key);
    const endpoints = caches.endpoints.get(name, namespace);
    const wanted = isMirrored(caches.services.get(name, namespace), endpoints) ? mirrorOf(endpoints) : [];
    const stored = caches.endpointSlices
      .by("service", key)
      .filter(({ metadata }) => metadata.labels?.[managedBy] === mirrorManager);
    await keepSlices(cluster, stored, wanted);
    return settled;
  }
}

export function mirrorWakes(): Wake[] {
  return [
    wakeOn<Service>(serviceKind, (before, after) => keysOf(after ?? before)),
    wakeOn<Endpoints>(endpointsKind, (before, after) => keysOf(after ?? before)),
    wakeOn<EndpointSlice>(endpointSliceKind, (before, after) => {
      const { labels = {}, namespace = "" } = (after ?? before)?.metadata ?? {};
      return labels[managedBy] === mirrorManager ? [`${namespace}/${labels[serviceLabel]}`] : [];
    }),
  ];
}

function keysOf(object: Service | Endpoints | undefined): string[] {
  return object === undefined ? [] : [keyOf(object)];
}
