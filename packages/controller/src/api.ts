/** The half of the controller that every replica has: the objects, for whoever asks. */
import { meteredStore, ObjectRegistry, type Store } from "@selvedge/apiserver";
import { type Clock, type Log, MetricRegistry, type Random } from "@selvedge/base";
import type { KindRef, Objects } from "@selvedge/client";
import { allKinds } from "@selvedge/kinds";
import { controllerAdmission } from "./admission/controller-admission.ts";
import { PolicyCache } from "./admission/policies.ts";
import { defaultServiceRange, type ServiceRange } from "./endpoints/service-range.ts";
import { InProcessObjects } from "./in-process-objects.ts";

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What Services are given addresses of; 10.96.0.0/12 when not said. */
  readonly serviceRange?: ServiceRange;
}

export interface Api {
  /** As the administrator sees them, without HTTP between. */
  readonly objects: Objects;
  /** The same for an API server. */
  readonly registry: ObjectRegistry;
  /** What everything in this process counts in. */
  readonly metrics: MetricRegistry;
  /** What others say about how objects are made; to be started, and disposed. */
  readonly policies: PolicyCache;
  readonly serviceRange: ServiceRange;
}

export function createApi({
  store,
  clock,
  random,
  log,
  serviceRange = defaultServiceRange,
}: ApiOptions): Api {
  const metrics = new MetricRegistry();
  const registry = new ObjectRegistry(allKinds, meteredStore(store, metrics), clock, random);
  registry.planner.kindsModule = import.meta.resolve("@selvedge/kinds");
  const objects = new InProcessObjects(registry);
  const policies = new PolicyCache({ objects, clock, random, log: log.child("policies") });
  const contents = (): readonly KindRef[] => registry.kinds.filter(({ namespaced }) => namespaced);
  registry.admission.add(...controllerAdmission({ policies, objects, clock, contents, serviceRange }));
  return { registry, objects, metrics, policies, serviceRange };
}
