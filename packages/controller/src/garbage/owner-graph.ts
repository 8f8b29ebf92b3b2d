import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import { type Clock, Turns } from "@selvedge/base";
import type { KindRef } from "@selvedge/client";
import type { Cluster } from "../objects/cluster.ts";
import type { LooseKinds } from "./loose-kinds.ts";

export interface Entry {
  readonly kind: KindRef;
  readonly object: KubeObject;
}

type Apply = (kind: KindRef, before: KubeObject | undefined, after: KubeObject | undefined) => void;

/** Who owns whom, among all objects there are. By UID, because names are used again. */
export class OwnerGraph {
  readonly #entries = new Map<string, Entry>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #cluster: Cluster;
  readonly #loose: LooseKinds;
  readonly #clock: Clock;

  constructor(cluster: Cluster, loose: LooseKinds, clock: Clock) {
    this.#cluster = cluster;
    this.#loose = loose;
    this.#clock = clock;
  }

  /**
   * Follows every copy. `changed` is called with the UIDs a change may concern, once all that is there is known: before
   * that, who owns many would seem to own nothing, and let go of them too early. Returns how to stop.
   */
  follow(changed: (uid: string) => void): () => void {
    const stopped = new AbortController();
    const early = new Set<string>();
    let tell = (uid: string): void => void early.add(uid);
    const apply: Apply = (kind, before, after) => this.#apply(kind, before, after, (uid) => tell(uid));
    const stops = this.#cluster.kinds.map((kind) =>
      this.#cluster.cache(kind).follow((before, after) => apply(kind, before, after)),
    );
    stops.push(this.#loose.follow(apply));
    const start = async (): Promise<void> => {
      const turns = new Turns(this.#clock);
      await this.#fill(apply, turns, stopped.signal);
      tell = changed;
      for (const uid of early) {
        await turns.rest();
        if (stopped.signal.aborted) return;
        changed(uid);
      }
    };
    void start();
    return () => {
      stopped.abort();
      for (const stop of stops) stop();
    };
  }

  /** Takes in all that is there: however much that is, others have their turn. */
  async #fill(apply: Apply, turns: Turns, signal: AbortSignal): Promise<void> {
    for (const kind of this.#cluster.kinds) {
      const cache = this.#cluster.cache(kind);
      for (const { metadata } of cache.list()) {
        await turns.rest();
        if (signal.aborted) return;
        const now = cache.get(metadata.name, metadata.namespace);
        if (now !== undefined) apply(kind, undefined, now);
      }
    }
    await this.#loose.listed(signal);
  }

  entry(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  dependents(uid: string): Entry[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((one) => this.#entries.get(one) ?? []);
  }

  #apply(
    kind: KindRef,
    before: KubeObject | undefined,
    after: KubeObject | undefined,
    changed: (uid: string) => void,
  ): void {
    const uid = (after ?? before)?.metadata.uid ?? "";
    // The same name with another UID is another object: the first one is gone.
    if (before !== undefined && after !== undefined && before.metadata.uid !== uid) {
      this.#apply(kind, before, undefined, changed);
      this.#apply(kind, undefined, after, changed);
      return;
    }
    const owned = (object: KubeObject | undefined): readonly OwnerReference[] =>
      object?.metadata.ownerReferences ?? [];
    for (const owner of owned(before)) {
      const found = this.#dependents.get(owner.uid);
      found?.delete(uid);
      if (found?.size === 0) this.#dependents.delete(owner.uid);
    }
    for (const owner of owned(after)) {
      const found = this.#dependents.get(owner.uid) ?? new Set();
      this.#dependents.set(owner.uid, found.add(uid));
    }
    if (after === undefined) this.#entries.delete(uid);
    else this.#entries.set(uid, { kind, object: after });
    if (after !== undefined && concerns(after)) changed(uid);
    const going = after === undefined || after.metadata.deletionTimestamp !== undefined;
    // An owner that is deleted waits for this one: for its end, or until it has let go of it.
    for (const owner of owned(before)) {
      const kept = owned(after).some((one) => one.uid === owner.uid);
      const waits = this.#entries.get(owner.uid)?.object.metadata.deletionTimestamp !== undefined;
      if (going || (waits && !kept)) changed(owner.uid);
    }
    if (!going) return;
    for (const dependent of this.#dependents.get(uid) ?? []) changed(dependent);
  }
}

/** Only objects with owners, or with a way to be deleted that involves others, are ever looked at. */
function concerns({ metadata }: KubeObject): boolean {
  const held = metadata.finalizers?.some((one) => one === "foregroundDeletion" || one === "orphan");
  return (
    (metadata.ownerReferences ?? []).length > 0 || (metadata.deletionTimestamp !== undefined && held === true)
  );
}
