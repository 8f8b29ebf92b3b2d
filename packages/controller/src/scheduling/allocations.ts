import type { ObjectView } from "@selvedge/client";
import type { Pod } from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";
import { type Amounts, amountsOf, extrasOf, hostPortsOf } from "./resources.ts";

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
  /** How many there are of each priority. */
  readonly #priorities = new Map<number, number>();

  constructor(from?: Taken) {
    this.#parts = new Map(from && from.#parts);
    if (from === undefined) return;
    const { cpu, memory, storage, pods } = from;
    Object.assign(this, { cpu, memory, storage, pods });
  }

  add(pod: Pod, sign: 1 | -1 = 1): void {
    const { cpu, memory, storage } = amountsOf(pod);
    this.cpu += sign * cpu;
    this.memory += sign * memory;
    this.storage += sign * storage;
    this.pods += sign;
    for (const port of hostPortsOf(pod)) count(this.#parts, port, sign);
    for (const [name, amount] of extrasOf(pod)) count(this.#parts, name, sign * amount);
    count(this.#priorities, priorityOf(pod), sign);
  }

  part(name: string): number {
    return this.#parts.get(name) ?? 0;
  }

  hasLower(priority: number): boolean {
    return this.#priorities.keys().some((one) => one < priority);
  }
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
    return this.#priorities.keys().some((one) => one < priority);
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
