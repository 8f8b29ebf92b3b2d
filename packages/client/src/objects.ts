import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import type { KeepsInteger, Millis } from "@selvedge/base";

/** A kind as the client names it. A KindDefinition is one. */
export interface KindRef {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Said by a kind whose integers of 64 bits are whole: what is read and written back loses no digit then. */
  readonly keepsIntegers?: KeepsInteger;
}

export interface ListOptions {
  /** Undefined: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WatchOptions extends ListOptions {
  readonly signal: AbortSignal;
  /**
   * The revision that the caller has of an object already, by its `namespace/name`. Of changes up to it a watch in
   * the same process tells no more than that they were; one over HTTP tells all of them.
   */
  readonly known?: (key: string) => string | undefined;
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly subresource?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/**
 * The objects of an API server. Two implementations: over HTTP, and straight into an API server in the same
 * process. Failures are thrown as ApiError (see errors.ts): callers that can go on check `reason`.
 */
export interface Objects {
  /** How long a watch is believed that says nothing, where it is not an informer's own patience. */
  readonly watchAge?: Millis;
  get<T extends KubeObject>(kind: KindRef, name: string, namespace?: string): Promise<T>;
  list<T extends KubeObject>(kind: KindRef, options?: ListOptions): Promise<KubeList<T>>;
  /** Changes after `resourceVersion`. Ends when the server ends it; an ERROR event ends it too. */
  watch<T extends KubeObject>(kind: KindRef, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions): Promise<T>;
  /** Fails with Conflict when metadata.resourceVersion is set and not the stored one. */
  update<T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends KubeObject>(kind: KindRef, object: T): Promise<T>;
  patch<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  delete(kind: KindRef, name: string, namespace?: string, options?: DeleteOptions): Promise<void>;
}
