import type { KubeObject } from "@selvedge/apimachinery";
import type { ObjectView } from "@selvedge/client";
import {
  type LimitRange,
  limitRangeKind,
  type PodDisruptionBudget,
  type PriorityClass,
  podDisruptionBudgetKind,
  priorityClassKind,
  type ResourceQuota,
  type RuntimeClass,
  resourceQuotaKind,
  runtimeClassKind,
  type Service,
  type StorageClass,
  serviceKind,
  storageClassKind,
} from "@selvedge/kinds";
import { type CachedKind, Cluster, type ClusterOptions } from "../objects/cluster.ts";

/** Objects that say how others are made. Every replica keeps its own copies: each answers writes. */
export interface Policies {
  readonly storageClasses: ObjectView<StorageClass>;
  readonly priorityClasses: ObjectView<PriorityClass>;
  readonly runtimeClasses: ObjectView<RuntimeClass>;
  readonly limitRanges: ObjectView<LimitRange>;
  readonly quotas: ObjectView<ResourceQuota>;
  readonly budgets: ObjectView<PodDisruptionBudget>;
  /** By `address`, for no two get the same. */
  readonly services: ObjectView<Service>;
}

const indexes = { namespace: ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ""] };
const refs = [
  storageClassKind,
  priorityClassKind,
  runtimeClassKind,
  limitRangeKind,
  resourceQuotaKind,
  podDisruptionBudgetKind,
];
const byAddress = ({ spec }: Service): string[] => (spec.clusterIP ? [spec.clusterIP] : []);
const kinds = [
  ...refs.map((ref) => ({ ref, indexes })),
  { ref: serviceKind, indexes: { address: byAddress } },
] as unknown as readonly CachedKind[];

/** Follows the policies from its start until it is disposed. */
export class PolicyCache implements Policies, AsyncDisposable {
  readonly storageClasses: ObjectView<StorageClass>;
  readonly priorityClasses: ObjectView<PriorityClass>;
  readonly runtimeClasses: ObjectView<RuntimeClass>;
  readonly limitRanges: ObjectView<LimitRange>;
  readonly quotas: ObjectView<ResourceQuota>;
  readonly budgets: ObjectView<PodDisruptionBudget>;
  readonly services: ObjectView<Service>;
  readonly #cluster: Cluster;

  constructor(options: ClusterOptions) {
    this.#cluster = new Cluster(options, kinds);
    this.storageClasses = this.#cluster.cache(storageClassKind);
    this.priorityClasses = this.#cluster.cache(priorityClassKind);
    this.runtimeClasses = this.#cluster.cache(runtimeClassKind);
    this.limitRanges = this.#cluster.cache(limitRangeKind);
    this.quotas = this.#cluster.cache(resourceQuotaKind);
    this.budgets = this.#cluster.cache(podDisruptionBudgetKind);
    this.services = this.#cluster.cache(serviceKind);
  }

  start(): Promise<void> {
    return this.#cluster.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cluster[Symbol.asyncDispose]();
  }
}
