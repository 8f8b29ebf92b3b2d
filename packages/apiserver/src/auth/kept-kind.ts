/** The objects of one kind, kept current in memory for whoever cannot ask the store at each request. */
import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, describeError, type Log, seconds } from "@selvedge/base";
import { Hearing } from "../rest/followers.ts";
import type { KindName } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";

export interface KeptKindOptions {
  readonly objects: ObjectRegistry;
  readonly kind: KindName;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: it is gone. */
  readonly onChange: (key: string, object: KubeObject | undefined) => void;
  /** Writes of the kind in this process are answered once they have been told here. */
  readonly awaited?: boolean;
}

/** After a watch that broke: the store is at fault, and a storm of lists would not mend it. */
const againAfter = seconds(1);

export class KeptKind implements Disposable {
  readonly #options: KeptKindOptions;
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #known = new Set<string>();
  readonly #hearing: Hearing;
  readonly #unfollow: (() => void) | undefined;

  constructor(options: KeptKindOptions) {
    this.#options = options;
    const { awaited = false, objects, kind, clock } = options;
    this.#hearing = new Hearing(clock);
    if (awaited) this.#unfollow = objects.followers.add(kind, this.#hearing.until);
    void this.#follow();
  }

  /** Resolves once all that was there has been told. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  [Symbol.dispose](): void {
    this.#unfollow?.();
    this.#stop.abort();
    this.#synced.resolve();
    this.#hearing.passed(Number.POSITIVE_INFINITY);
  }

  async #follow(): Promise<void> {
    const { clock, log, kind } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        log.warn("a watch broke and begins again", { kind: kind.plural, error });
      }
      if (!signal.aborted) await new Promise<void>((resolve) => clock.setTimer(againAfter, resolve));
    }
  }

  async #watch(): Promise<void> {
    const { objects, kind } = this.#options;
    const seen = new Set<string>();
    let isInitial = true;
    const events = objects.watch(kind, {
      ...{ sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true },
      signal: this.#stop.signal,
    });
    for await (const { type, object } of events) {
      if (type === "BOOKMARK") {
        if (isInitial) this.#begun(seen);
        isInitial = false;
        this.#hearing.passed(Number(object.metadata.resourceVersion));
        continue;
      }
      const key = keyOf(object);
      if (isInitial) seen.add(key);
      if (type === "DELETED") this.#known.delete(key);
      else this.#known.add(key);
      this.#tell(key, type === "DELETED" ? undefined : object);
      // What is there at first does not come in the order it was written.
      if (!isInitial) this.#hearing.passed(Number(object.metadata.resourceVersion));
    }
  }

  /** What nobody can make sense of must not keep the others from being heard of. */
  #tell(key: string, object: KubeObject | undefined): void {
    const { kind, log, onChange } = this.#options;
    try {
      onChange(key, object);
    } catch (error) {
      log.error("an object counts for nothing", { kind: kind.plural, key, error: describeError(error) });
    }
  }

  /** What an earlier watch told of and this one does not is gone. */
  #begun(seen: ReadonlySet<string>): void {
    for (const key of this.#known) {
      if (!seen.has(key)) this.#tell(key, undefined);
    }
    this.#known = new Set(seen);
    this.#synced.resolve();
  }
}

/** `namespace/name`, or the name alone. */
function keyOf({ metadata: { name, namespace } }: KubeObject): string {
  return namespace ? `${namespace}/${name}` : name;
}
