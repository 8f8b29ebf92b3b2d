import type { ObjectView } from "@selvedge/client";
import type { Pod } from "@selvedge/kinds";
import { isOver } from "../objects/pods.ts";
import { type Amounts, amountsOf, devicesOf, hostPortsOf } from "./resources.ts";

interface Taken {
  cpu: number;
  memory: number;
  storage: number;
  pods: number;
  /** Ports of the node and groups of devices, which only one Pod can have. */
  readonly parts: Map<string, number>;
}

/**
 * What is taken of each node by the Pods on it; follows the cache, so that a decision need not add up the
 * fleet.
 */
export class Allocations {
  readonly #nodes = new Map<string, Taken>();

  constructor(pods: ObjectView<Pod>) {
    pods.onChange((before, after) => {
      if (before !== undefined) this.#count(before, -1);
      if (after !== undefined) this.#count(after, 1);
    });
  }

  of(nodeName: string): Amounts {
    return this.#nodes.get(nodeName) ?? { cpu: 0, memory: 0, storage: 0, pods: 0 };
  }

  takes(nodeName: string, part: string): boolean {
    return (this.#nodes.get(nodeName)?.parts.get(part) ?? 0) > 0;
  }

  #count(pod: Pod, sign: 1 | -1): void {
    const { nodeName } = pod.spec;
    if (!nodeName || isOver(pod)) return;
    let taken = this.#nodes.get(nodeName);
    if (taken === undefined) {
      taken = { cpu: 0, memory: 0, storage: 0, pods: 0, parts: new Map() };
      this.#nodes.set(nodeName, taken);
    }
    const { cpu, memory, storage } = amountsOf(pod);
    taken.cpu += sign * cpu;
    taken.memory += sign * memory;
    taken.storage += sign * storage;
    taken.pods += sign;
    for (const part of [...hostPortsOf(pod), ...devicesOf(pod)])
      taken.parts.set(part, (taken.parts.get(part) ?? 0) + sign);
    if (taken.pods === 0) this.#nodes.delete(nodeName);
  }
}
