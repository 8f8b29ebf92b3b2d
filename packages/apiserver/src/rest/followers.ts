/**
 * Who acts by objects of some kinds: a write is answered once they have heard of it, so that what is written says
 * what happens to the next write. On other replicas they hear of it a moment later.
 */
import type { KindName } from "./kind-names.ts";

/** Resolves once the revision has been heard of, or after a while. */
export type Heard = (revision: number) => Promise<void>;

export class Followers {
  readonly #all = new Map<string, readonly Heard[]>();

  /** Returns how to stop. */
  add({ group, plural }: KindName, heard: Heard): () => void {
    const place = `${group}/${plural}`;
    this.#all.set(place, [...(this.#all.get(place) ?? []), heard]);
    return () => {
      const others = (this.#all.get(place) ?? []).filter((one) => one !== heard);
      if (others.length === 0) this.#all.delete(place);
      else this.#all.set(place, others);
    };
  }

  /** Undefined: nobody has to have heard of it. */
  told({ group, plural }: KindName, revision: number): Promise<unknown> | undefined {
    const all = this.#all.get(`${group}/${plural}`);
    return all && Promise.all(all.map((heard) => heard(revision)));
  }
}
