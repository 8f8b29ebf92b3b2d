import type { Change } from "./store.ts";

/** As many recent changes as watchers that keep up, or reconnect at once, need: a busy minute. */
const changesMax = 4_096;
const stride = 512;
/**
 * What they may weigh together, in characters of their values. What watchers make of them, objects and
 * JSON, weighs about three times as much again.
 */
const weightMax = 16 * 1024 * 1024;

/** What a watcher takes at once, so that one that is behind does not hold up the others. */
const takenMax = 256;
const takenWeight = 64 * 1024;
/** Watchers that go on in one turn of the event loop: a thousand would hold everything else up. */
const turnsMax = 64;

/**
 * The newest changes, in memory, for all watchers together; and who waits for which. Older ones are in the
 * database.
 *
 *   #floor | change change change change … newest
 *            every change after the floor is here
 */
export class Feed {
  #floor: number;
  #newest: number;
  #changes: Change[] = [];
  #weight = 0;
  readonly #turns: (() => void)[] = [];
  #turning = false;
  readonly #waiting = new Map<string, Set<Waiter>>();

  constructor(revision: number) {
    this.#floor = revision;
    this.#newest = revision;
  }

  /** Changes after this revision are all here. */
  get floor(): number {
    return this.#floor;
  }

  get newest(): number {
    return this.#newest;
  }

  /** Everything up to `through` is known now. What it knew before it does not take again. */
  publish(all: readonly Change[], through: number): void {
    const changes = all.filter(({ revision }) => revision > this.#newest);
    this.#newest = Math.max(this.#newest, through);
    for (const change of changes) {
      this.#changes.push(change);
      this.#weight += weightOf(change);
    }
    this.#trim();
    for (const { key, revision } of changes) {
      for (const prefix of prefixesOf(key)) {
        for (const waiter of this.#waiting.get(prefix) ?? []) waiter.notify(revision - 1);
      }
    }
  }

  /** A gap that the log no longer fills: whoever is behind it must ask the database, and is told there. */
  reset(revision: number): void {
    this.#changes = [];
    this.#weight = 0;
    this.#floor = revision;
    this.#newest = revision;
    for (const waiters of [...this.#waiting.values()]) for (const waiter of [...waiters]) waiter.lookAgain();
  }

  /** Those after `revision` that `matches` takes: as many as are to be taken at once, and how far they reach. */
  after(revision: number, matches: (key: string) => boolean): { changes: Change[]; through: number } {
    const changes: Change[] = [];
    let weight = 0;
    for (let at = this.#indexAfter(revision); at < this.#changes.length; at++) {
      const change = this.#changes[at];
      if (change === undefined || !matches(change.key)) continue;
      changes.push(change);
      weight += weightOf(change);
      if (changes.length >= takenMax || weight >= takenWeight) return { changes, through: change.revision };
    }
    return { changes, through: this.#newest };
  }

  has(revision: number, matches: (key: string) => boolean): boolean {
    for (let at = this.#indexAfter(revision); at < this.#changes.length; at++) {
      const change = this.#changes[at];
      if (change !== undefined && matches(change.key)) return true;
    }
    return false;
  }

  /** Lets somebody go on: a few at once, the others each in their turn. */
  turn(go: () => void): void {
    this.#turns.push(go);
    if (this.#turning) return;
    this.#turning = true;
    this.#takeTurns();
  }

  /** Tells the waiter of the next change below its prefix. */
  add(prefix: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(prefix);
    if (waiters === undefined) this.#waiting.set(prefix, new Set([waiter]));
    else waiters.add(waiter);
  }

  remove(prefix: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(prefix);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiting.delete(prefix);
  }

  #takeTurns(): void {
    for (const go of this.#turns.splice(0, turnsMax)) go();
    // Also after the last: who comes in this turn of the event loop queues behind the next.
    setImmediate(() => {
      this.#turning = this.#turns.length > 0;
      if (this.#turning) this.#takeTurns();
    });
  }

  #indexAfter(revision: number): number {
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    let cut = 0;
    // Cut in strides: moving thousands of changes for each one that comes would be most of the work.
    const keep = this.#changes.length > changesMax ? changesMax - stride : changesMax;
    while (this.#changes.length - cut > keep || this.#weight > weightMax) {
      const oldest = this.#changes[cut];
      if (oldest === undefined) break;
      this.#floor = oldest.revision;
      this.#weight -= weightOf(oldest);
      cut++;
    }
    if (cut > 0) this.#changes = this.#changes.slice(cut);
  }
}

export interface Waiter {
  /** Something came; up to `seen` nothing did. */
  notify(seen: number): void;
  /** Something may have come that nobody was told of. */
  lookAgain(): void;
}

function weightOf({ value, previous }: Change): number {
  return (value?.length ?? 0) + (previous?.length ?? 0);
}

/** Every text a watcher of this key can wait under: the key, and each beginning that ends with a slash. */
function prefixesOf(key: string): string[] {
  const prefixes = ["", key];
  for (let at = key.indexOf("/"); at >= 0; at = key.indexOf("/", at + 1)) prefixes.push(key.slice(0, at + 1));
  return prefixes;
}
