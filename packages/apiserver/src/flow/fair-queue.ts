/**
 * Requests that wait, a queue for each flow. Next is whoever has had the least: each flow has a clock of its
 * own, which its requests move on by what they cost, and the flow whose clock is behind goes first. A flow that
 * begins takes over the time of those that wait, so that nobody saves up.
 */
export interface Waiting {
  readonly flow: string;
}

interface Flow<T> {
  readonly name: string;
  readonly waiting: T[];
  /** What its requests have cost so far, as a point on the level's own time. */
  time: number;
  /** Requests that have been let in and are not over. */
  active: number;
}

export interface FairQueueBounds {
  /** More from one flow are refused: it should wait for its answers. */
  readonly flowMax: number;
  /** More in all push out the last of the longest queue. */
  readonly waitingMax: number;
}

export type Joined<T> =
  | { readonly type: "waits" }
  | { readonly type: "refused" }
  /** This one has to go instead. */
  | { readonly type: "pushes-out"; readonly other: T };

export class FairQueue<T extends Waiting> {
  readonly #bounds: FairQueueBounds;
  /** Flows that wait or are at work: others are forgotten. */
  readonly #flows = new Map<string, Flow<T>>();
  #waiting = 0;
  /** Where the flow stood that was let in last. */
  #time = 0;

  constructor(bounds: FairQueueBounds) {
    this.#bounds = bounds;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** A request wants in. */
  join(item: T): Joined<T> {
    const flow = this.#flow(item.flow);
    const { flowMax, waitingMax } = this.#bounds;
    if (flow.waiting.length >= flowMax) return { type: "refused" };
    if (this.#waiting < waitingMax) {
      this.#put(flow, item);
      return { type: "waits" };
    }
    const longest = this.#longest();
    if (longest === undefined || longest.waiting.length <= flow.waiting.length + 1) {
      this.#forget(flow);
      return { type: "refused" };
    }
    const other = longest.waiting.pop() as T;
    this.#waiting--;
    this.#forget(longest);
    this.#put(flow, item);
    return { type: "pushes-out", other };
  }

  /** Takes out the request that is next; it counts as at work until `done`. */
  next(cost: number): T | undefined {
    let first: Flow<T> | undefined;
    for (const flow of this.#flows.values()) {
      if (flow.waiting.length > 0 && (first === undefined || flow.time < first.time)) first = flow;
    }
    const item = first?.waiting.shift();
    if (first === undefined || item === undefined) return undefined;
    this.#waiting--;
    this.#time = Math.max(this.#time, first.time);
    this.#begin(first, cost);
    return item;
  }

  /** A request that need not wait begins. */
  begin(flow: string, cost: number): void {
    this.#begin(this.#flow(flow), cost);
  }

  /** A request is over: `more` is what it cost beyond what was thought. */
  done(name: string, more: number): void {
    const flow = this.#flows.get(name);
    if (flow === undefined) return;
    flow.active--;
    flow.time += more;
    this.#forget(flow);
  }

  /** A request that waits goes away. Whether it was there. */
  leave(item: T): boolean {
    const flow = this.#flows.get(item.flow);
    const at = flow?.waiting.indexOf(item) ?? -1;
    if (flow === undefined || at < 0) return false;
    flow.waiting.splice(at, 1);
    this.#waiting--;
    this.#forget(flow);
    return true;
  }

  #begin(flow: Flow<T>, cost: number): void {
    flow.active++;
    flow.time += cost;
  }

  #put(flow: Flow<T>, item: T): void {
    flow.waiting.push(item);
    this.#waiting++;
  }

  #flow(name: string): Flow<T> {
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      flow = { name, waiting: [], time: this.#time, active: 0 };
      this.#flows.set(name, flow);
    }
    return flow;
  }

  #forget(flow: Flow<T>): void {
    if (flow.waiting.length === 0 && flow.active === 0) this.#flows.delete(flow.name);
  }

  #longest(): Flow<T> | undefined {
    let longest: Flow<T> | undefined;
    for (const flow of this.#flows.values()) {
      if (flow.waiting.length > (longest?.waiting.length ?? 0)) longest = flow;
    }
    return longest;
  }
}
