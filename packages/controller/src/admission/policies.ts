import type { KubeObject } from "@selvedge/apimachinery";
import type { ObjectView } from "@selvedge/client";
import { type StorageClass, storageClassKind } from "@selvedge/kinds";
import { type CachedKind, Cluster, type ClusterOptions } from "../objects/cluster.ts";

/** Objects that say how others are made. Every replica keeps its own copies: each answers writes. */
export interface Policies {
  readonly storageClasses: ObjectView<StorageClass>;
}

const byNamespace = ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ""];

const kinds: readonly CachedKind[] = [{ ref: storageClassKind, indexes: { namespace: byNamespace } }];

/** Follows the policies until it is disposed. */
export class PolicyCache implements Policies, AsyncDisposable {
  readonly storageClasses: ObjectView<StorageClass>;
  readonly #cluster: Cluster;

  constructor(options: ClusterOptions) {
    this.#cluster = new Cluster(options, kinds);
    this.storageClasses = this.#cluster.cache(storageClassKind);
  }

  start(): Promise<void> {
    return this.#cluster.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cluster[Symbol.asyncDispose]();
  }
}
