import type { ObjectView } from "@selvedge/client";
import type { Pod } from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";
import { type Amounts, type Footprint, footprintOf } from "./resources.ts";

/** How important a Pod is. */
export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}

/** What some Pods take of one node. */
export class Taken implements Amounts {
  cpu: number = 0;
  memory: number = 0;
  storage: number = 0;
  pods: number = 0;
  /** Ports of the node, which only one Pod can have, and what it has a number of. */
  readonly #parts: Map<string, number>;
  /** By how important they are. */
  readonly #priorities = new Map<number, Sums>();

  constructor(from?: Taken) {
    this.#parts = new Map(from && from.#parts);
    if (from === undefined) return;
    const { cpu, memory, storage, pods } = from;
    Object.assign(this, { cpu, memory, storage, pods });
  }

  add(pod: Pod, sign: 1 | -1 = 1, amounts: Footprint = footprintOf(pod)): void {
    addTo(this, amounts, sign);
    const priority = priorityOf(pod);
    const sums = this.#priorities.get(priority) ?? { ...nought };
    addTo(sums, amounts, sign);
    if (sums.pods === 0) this.#priorities.delete(priority);
    else this.#priorities.set(priority, sums);
    for (const port of amounts.ports) count(this.#parts, port, sign);
    for (const [name, amount] of amounts.extras) count(this.#parts, name, sign * amount);
  }

  part(name: string): number {
    return this.#parts.get(name) ?? 0;
  }

  hasLower(priority: number): boolean {
    return hasLower(this.#priorities, priority);
  }

  /** What those take that are at least so important. */
  ofImportant(priority: number): Amounts {
    const all = { ...nought };
    for (const [one, sums] of this.#priorities) if (one >= priority) addTo(all, sums, 1);
    return all;
  }
}

type Sums = { -readonly [Name in keyof Amounts]: Amounts[Name] };

const nought: Amounts = { cpu: 0, memory: 0, storage: 0, pods: 0 };

function addTo(sums: Sums, { cpu, memory, storage, pods }: Amounts, sign: 1 | -1): void {
  sums.cpu += sign * cpu;
  sums.memory += sign * memory;
  sums.storage += sign * storage;
  sums.pods += sign * pods;
}

function hasLower(priorities: ReadonlyMap<number, unknown>, priority: number): boolean {
  for (const one of priorities.keys()) if (one < priority) return true;
  return false;
}

function count<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

const nothing = new Taken();

/**
 * What is taken of each node by the Pods on it; follows the cache, so that a decision need not add up the
 * fleet.
 */
export class Allocations {
  readonly #nodes = new Map<string, Taken>();
  /** Of all nodes. */
  readonly #priorities = new Map<number, number>();

  constructor(pods: ObjectView<Pod>) {
    pods.onChange((before, after) => {
      if (before !== undefined) this.#count(before, -1);
      if (after !== undefined) this.#count(after, 1);
    });
  }

  of(nodeName: string): Taken {
    return this.#nodes.get(nodeName) ?? nothing;
  }

  /** Whether a Pod that is less important is on any node. */
  hasLower(priority: number): boolean {
    return hasLower(this.#priorities, priority);
  }

  #count(pod: Pod, sign: 1 | -1): void {
    const { nodeName } = pod.spec;
    if (!nodeName || isOver(pod)) return;
    const taken = this.#nodes.get(nodeName) ?? new Taken();
    taken.add(pod, sign);
    if (taken.pods === 0) this.#nodes.delete(nodeName);
    else this.#nodes.set(nodeName, taken);
    count(this.#priorities, priorityOf(pod), sign);
  }
}
