/**
 * Who acts by objects of some kinds: a write is answered once they have heard of it, so that what is written says
 * what happens to the next write. On other replicas they hear of it a moment later.
 */
import { type Clock, seconds } from "@selvedge/base";
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

/** A follower that is held up must not keep writes from being answered. */
const heardWithin = seconds(5);

/** How far a follower has heard, and who waits for that. */
export class Hearing {
  readonly #clock: Clock;
  #revision = 0;
  #waiting: readonly { readonly revision: number; readonly heard: () => void }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly until: Heard = async (revision) => {
    if (this.#revision >= revision) return;
    const heard = Promise.withResolvers<void>();
    this.#waiting = [...this.#waiting, { revision, heard: heard.resolve }];
    const timer = this.#clock.setTimer(heardWithin, heard.resolve);
    await heard.promise;
    timer.cancel();
  };

  /** Everything up to the revision has been heard of. */
  passed(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    for (const one of this.#waiting) if (one.revision <= this.#revision) one.heard();
    this.#waiting = this.#waiting.filter((one) => one.revision > this.#revision);
  }
}
