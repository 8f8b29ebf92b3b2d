import { type Clock, jsonEqual } from "@selvedge/base";
import { isReason, keyOf, objectKey, splitKey } from "@selvedge/client";
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceKind,
  endpointsKind,
  type Pod,
  podKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { Caches } from "../objects/caches.ts";
import type { Cluster } from "../objects/cluster.ts";
import { isReady } from "../objects/pods.ts";
import { type Wake, wakeOn } from "../objects/wiring.ts";
import { Pace } from "../workloads/pace.ts";
import {
  endpointsManagedBy,
  endpointsOf,
  isSelected,
  managedBy,
  manager,
  selects,
  serviceLabel,
  slicesOf,
} from "./endpoints-plan.ts";
import { keepSlices } from "./slices.ts";

export interface EndpointsDeps {
  readonly cluster: Cluster;
  readonly caches: Caches;
  readonly clock: Clock;
}

/** Says which Pods answer for a Service. The key is the Service's `namespace/name`. */
export class EndpointsReconciler implements Reconciler {
  readonly name = "endpoints";
  readonly reads: readonly string[] = ["Service", "Pod"];
  readonly writes: readonly string[] = ["EndpointSlice (of a Service)", "Endpoints (of a Service)"];
  readonly #deps: EndpointsDeps;
  readonly #pace: Pace;

  constructor(deps: EndpointsDeps) {
    this.#deps = deps;
    this.#pace = new Pace(deps.clock);
  }

  async reconcile(key: string): Promise<Outcome> {
    const { caches, cluster } = this.#deps;
    const { namespace, name } = splitKey(key);
    const service = caches.services.get(name, namespace);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      this.#pace.forget(key);
      await this.#dropEndpoints(name, namespace);
      return settled;
    }
    const stored = caches.endpointSlices
      .by("service", key)
      .filter(({ metadata }) => metadata.labels?.[managedBy] === manager);
    if (!selects(service)) {
      // Somebody else says now where it leads.
      await keepSlices(cluster, stored, []);
      // Without a selector they stay, for somebody to change them; another's name leads to none of our Pods.
      if (service.spec.type === "ExternalName") await this.#dropEndpoints(name, namespace);
      return settled;
    }
    const pause = this.#pace.wait(key);
    if (pause > 0) return lookAgain("many Pods are moving", pause);
    const pods = caches.pods.by("namespace", namespace).filter((pod) => isSelected(service, pod));
    await keepSlices(cluster, stored, slicesOf(service, pods));
    await this.#keepEndpoints(endpointsOf(service, pods));
    this.#pace.passed(key, pods.length);
    return settled;
  }

  /** Those that we made. */
  async #dropEndpoints(name: string, namespace: string): Promise<void> {
    const { caches, cluster } = this.#deps;
    const left = caches.endpoints.get(name, namespace);
    if (left?.metadata.labels?.[endpointsManagedBy] !== undefined) await cluster.delete(endpointsKind, left);
  }

  async #keepEndpoints(wanted: Endpoints): Promise<void> {
    const { cluster, caches } = this.#deps;
    const { name, namespace, labels = {} } = wanted.metadata;
    if (caches.endpoints.get(name, namespace) === undefined) {
      try {
        await cluster.create(endpointsKind, wanted);
      } catch (error) {
        if (!isReason(error, "AlreadyExists")) throw error;
      }
      return;
    }
    await cluster.change<Endpoints>(endpointsKind, name, namespace, (draft) => {
      const isSame =
        jsonEqual(draft.subsets ?? [], wanted.subsets ?? []) &&
        jsonEqual(draft.metadata.labels ?? {}, labels);
      if (isSame) return false;
      if (wanted.subsets === undefined) delete draft.subsets;
      else draft.subsets = wanted.subsets;
      draft.metadata.labels = { ...labels };
      return true;
    });
  }
}

export function endpointsWakes(caches: Caches): Wake[] {
  return [
    wakeOn<Service>(serviceKind, (before, after) => {
      const service = after ?? before;
      return service === undefined ? [] : [keyOf(service)];
    }),
    wakeOn<Pod>(podKind, (before, after) => {
      const seen = (pod: Pod | undefined): unknown =>
        pod && [
          isReady(pod),
          pod.status?.podIP,
          pod.status?.phase,
          pod.metadata.labels,
          pod.metadata.deletionTimestamp,
        ];
      if (before !== undefined && after !== undefined && jsonEqual(seen(before), seen(after))) return [];
      return caches.services
        .by("namespace", (after ?? before)?.metadata.namespace ?? "")
        .filter((service) => [before, after].some((pod) => pod !== undefined && isSelected(service, pod)))
        .map(keyOf);
    }),
    wakeOn<EndpointSlice>(endpointSliceKind, (before, after) => {
      const slice = after ?? before;
      const name = slice?.metadata.labels?.[serviceLabel];
      return name === undefined ? [] : [objectKey(name, slice?.metadata.namespace)];
    }),
    wakeOn<Endpoints>(endpointsKind, (before, after) =>
      after === undefined && before !== undefined ? [keyOf(before)] : [],
    ),
  ];
}
