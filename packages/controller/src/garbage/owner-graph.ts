import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import type { KindRef } from "@selvedge/client";
import type { Cluster } from "../objects/cluster.ts";
import type { LooseKinds } from "./loose-kinds.ts";

export interface Entry {
  readonly kind: KindRef;
  readonly object: KubeObject;
}

/** Who owns whom, among all objects there are. By UID, because names are used again. */
export class OwnerGraph {
  readonly #entries = new Map<string, Entry>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #cluster: Cluster;
  readonly #loose: LooseKinds;

  constructor(cluster: Cluster, loose: LooseKinds) {
    this.#cluster = cluster;
    this.#loose = loose;
  }

  /** All kinds whose objects are known here. */
  get kinds(): readonly KindRef[] {
    return [...this.#cluster.kinds, ...this.#loose.kinds];
  }

  /** Follows every cache; `changed` is called with the UIDs a change may concern. Returns how to stop. */
  follow(changed: (uid: string) => void): () => void {
    const stops = this.#cluster.kinds.map((kind) =>
      this.#cluster.cache(kind).onChange((before, after) => this.#apply(kind, before, after, changed)),
    );
    stops.push(this.#loose.follow((kind, before, after) => this.#apply(kind, before, after, changed)));
    return () => {
      for (const stop of stops) stop();
    };
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
