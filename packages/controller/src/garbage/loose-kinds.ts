import type { KubeObject } from "@selvedge/apimachinery";
import { type Clock, type Log, type Random, seconds, sleep, Turns } from "@selvedge/base";
import { Informer, type KindRef, type Objects } from "@selvedge/client";

/** The kinds the API server serves, which come and go with what users bring. */
export interface ServedKinds {
  /** One for each place where objects are kept. */
  readonly kept: readonly KindRef[];
  /** One for each version that they are shown in. */
  readonly all: readonly KindRef[];
  onChange(listener: () => void): () => void;
}

export interface LooseKindsOptions {
  readonly objects: Objects;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly served: ServedKinds;
  /** Kinds that somebody else keeps in memory. */
  readonly cached: readonly KindRef[];
}

type Listener = (kind: KindRef, before: KubeObject | undefined, after: KubeObject | undefined) => void;

/** Who owns whom is all that is asked of them: the rest of a hundred thousand objects would be most of the memory. */
function onlyMetadata({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences } = metadata;
  const kept = { name, namespace, uid, resourceVersion, deletionTimestamp, finalizers, ownerReferences };
  const said = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { apiVersion, kind, metadata: Object.fromEntries(said) as unknown as KubeObject["metadata"] };
}

/** Many, short-lived, and owned by nobody. */
const passing = new Set(["events", "events.events.k8s.io", "leases.coordination.k8s.io"]);

/** As long as upstream: a kind whose objects nobody can read must not hold up all others for ever. */
const listedWithin = seconds(30);

interface Followed {
  readonly kind: KindRef;
  readonly informer: Informer<KubeObject>;
}

/**
 * Follows the objects of all kinds that no reconciler keeps in memory: they may own others, and be owned.
 * A kind that is no longer served is one whose objects are gone.
 */
export class LooseKinds {
  readonly #options: LooseKindsOptions;
  readonly #followed = new Map<string, Followed>();
  /** Two hundred kinds may come at once. */
  readonly #turns: Turns;

  constructor(options: LooseKindsOptions) {
    this.#options = options;
    this.#turns = new Turns(options.clock);
  }

  /** The kind that somebody means, who may know its objects in another version than they are followed in. */
  meant({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): KindRef | undefined {
    return this.#options.served.all.find((one) => one.kind === kind && versionOf(one) === apiVersion);
  }

  /** Tells of all that is there, and of every change from now on. Returns how to stop. */
  follow(listener: Listener): () => void {
    const sync = (): void => this.#sync(listener);
    sync();
    const stop = this.#options.served.onChange(sync);
    return () => {
      stop();
      for (const place of [...this.#followed.keys()]) this.#drop(place);
    };
  }

  /** Once all that are followed now have been listed, or at the signal, or when it has taken too long. */
  async listed(signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const lists = [...this.#followed.values()].map(({ informer }) => informer.synced.catch(() => undefined));
    const timeIsUp = sleep(this.#options.clock, listedWithin, AbortSignal.any([signal, late.signal]));
    await Promise.race([Promise.all(lists), timeIsUp]).catch(() => undefined);
    late.abort();
  }

  #sync(listener: Listener): void {
    const { served, cached } = this.#options;
    const others = new Set(cached.map(placeOf));
    const wanted = new Map(served.kept.map((kind) => [placeOf(kind), kind]));
    for (const [place, kind] of wanted) {
      if (others.has(place) || passing.has(place) || this.#followed.get(place)?.kind.version === kind.version)
        continue;
      this.#drop(place);
      this.#add(place, kind, listener);
    }
    for (const [place, { kind, informer }] of this.#followed) {
      if (wanted.has(place)) continue;
      this.#drop(place);
      for (const object of informer.list()) listener(kind, object, undefined);
    }
  }

  #add(place: string, kind: KindRef, listener: Listener): void {
    const { served: _served, cached: _cached, ...options } = this.#options;
    const informer = new Informer<KubeObject>({ ...options, kind, keep: onlyMetadata });
    // Who stops before the first list has come is not told: nobody waits for it.
    informer.synced.catch(() => undefined);
    informer.onChange((before, after) => listener(kind, before, after));
    this.#followed.set(place, { kind, informer });
    void this.#start(place, informer);
  }

  async #start(place: string, informer: Informer<KubeObject>): Promise<void> {
    await this.#turns.rest();
    if (this.#followed.get(place)?.informer === informer) informer.start();
  }

  #drop(place: string): void {
    const followed = this.#followed.get(place);
    this.#followed.delete(place);
    const { log } = this.#options;
    followed?.informer[Symbol.asyncDispose]().catch((error: unknown) =>
      log.warn("a copy did not stop", { place, error }),
    );
  }
}

function versionOf({ group, version }: KindRef): string {
  return group === "" ? version : `${group}/${version}`;
}

function placeOf({ group, plural }: KindRef): string {
  return group === "" ? plural : `${plural}.${group}`;
}
