/** The objects of one kind, kept current in memory for whoever cannot ask the store at each request. */
import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, type Log, seconds } from "@selvedge/base";
import type { KindName } from "../rest/kind-names.ts";
import type { ObjectRegistry } from "../rest/object-registry.ts";

export interface KeptKindOptions {
  readonly objects: ObjectRegistry;
  readonly kind: KindName;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: it is gone. */
  readonly onChange: (key: string, object: KubeObject | undefined) => void;
}

/** After a watch that broke: the store is at fault, and a storm of lists would not mend it. */
const againAfter = seconds(1);

export class KeptKind implements Disposable {
  readonly #options: KeptKindOptions;
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #known = new Set<string>();

  constructor(options: KeptKindOptions) {
    this.#options = options;
    void this.#follow();
  }

  /** Resolves once all that was there has been told. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#synced.resolve();
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
    const { objects, kind, onChange } = this.#options;
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
        continue;
      }
      const key = keyOf(object);
      if (isInitial) seen.add(key);
      if (type === "DELETED") this.#known.delete(key);
      else this.#known.add(key);
      onChange(key, type === "DELETED" ? undefined : object);
    }
  }

  /** What an earlier watch told of and this one does not is gone. */
  #begun(seen: ReadonlySet<string>): void {
    for (const key of this.#known) {
      if (!seen.has(key)) this.#options.onChange(key, undefined);
    }
    this.#known = new Set(seen);
    this.#synced.resolve();
  }
}

/** `namespace/name`, or the name alone. */
function keyOf({ metadata: { name, namespace } }: KubeObject): string {
  return namespace ? `${namespace}/${name}` : name;
}
