import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { type ObjectRegistry, StatusError } from "@selvedge/apiserver";
import { hours, type Millis } from "@selvedge/base";
import {
  ApiError,
  type DeleteOptions,
  type KindRef,
  type ListOptions,
  type Objects,
  type PatchType,
  type Status,
  type WatchOptions,
  type WriteOptions,
} from "@selvedge/client";

/**
 * No connection between breaks: what a watch says at its end is enough to go on from there. Opened anew now and
 * then all the same, for what nobody thought of; dozens of kinds each few minutes would be most of what an idle
 * controller does.
 */
const [bookmarkEvery, watchAge] = [hours(1), hours(1)];

/**
 * The objects of the API server in this process, as its administrator: no HTTP between, and the same
 * errors.
 */
export class InProcessObjects implements Objects {
  readonly watchAge: Millis = watchAge;
  readonly #registry: ObjectRegistry;

  constructor(registry: ObjectRegistry) {
    this.#registry = registry;
  }

  get<T extends KubeObject>(kind: KindRef, name: string, namespace?: string): Promise<T> {
    return translated(this.#registry.get<T>(kind, name, namespace));
  }

  list<T extends KubeObject>(kind: KindRef, options: ListOptions = {}): Promise<KubeList<T>> {
    return translated(this.#registry.list<T>(kind, options));
  }

  watch<T extends KubeObject>(kind: KindRef, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const marks = { allowWatchBookmarks: true, bookmarkEvery };
    const events = this.#registry.watch<T>(kind, { ...options, ...marks });
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => translated(events.next()),
        return: () => events.return(undefined),
      }),
    };
  }

  create<T extends KubeObject>(kind: KindRef, object: T, options: WriteOptions = {}): Promise<T> {
    return translated(this.#registry.create(kind, object, options));
  }

  update<T extends KubeObject>(kind: KindRef, object: T, options: WriteOptions = {}): Promise<T> {
    return translated(this.#registry.update(kind, object, options));
  }

  updateStatus<T extends KubeObject>(kind: KindRef, object: T): Promise<T> {
    return translated(this.#registry.updateStatus(kind, object));
  }

  patch<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    type: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    return translated(this.#registry.patch<T>(kind, name, namespace, type, patch, options));
  }

  async delete(kind: KindRef, name: string, namespace?: string, options: DeleteOptions = {}): Promise<void> {
    await translated(this.#registry.delete(kind, name, namespace, options));
  }
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw apiError(error);
  }
}

function apiError(error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  const status = error.toStatus() as unknown as Status;
  return new ApiError(error.message, error.reason, error.code, status, { cause: error });
}
