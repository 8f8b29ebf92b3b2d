/** The half of the controller that every replica has: the objects, for whoever asks. */
import { meteredStore, ObjectRegistry, type Store } from "@selvedge/apiserver";
import { type Clock, MetricRegistry, type Random } from "@selvedge/base";
import type { Objects } from "@selvedge/client";
import { allKinds } from "@selvedge/kinds";
import { InProcessObjects } from "./in-process-objects.ts";

export interface ApiOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Api {
  /** As the administrator sees them, without HTTP between. */
  readonly objects: Objects;
  /** The same for an API server. */
  readonly registry: ObjectRegistry;
  /** What everything in this process counts in. */
  readonly metrics: MetricRegistry;
}

export function createApi({ store, clock, random }: ApiOptions): Api {
  const metrics = new MetricRegistry();
  const registry = new ObjectRegistry(allKinds, meteredStore(store, metrics), clock, random);
  return { registry, objects: new InProcessObjects(registry), metrics };
}
