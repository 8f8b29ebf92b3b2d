import type { NetworkDriver, NetworkItems } from "@selvedge/engine";
import { NetworkDriverError } from "@selvedge/engine";

/** The kernel's bridges and taps, as names. They go with the power and stay when the engine dies. */
export class SimNetworkDriver {
  /** Odds that one application fails, as when a table is locked or a name is in use. */
  fails = 0;
  #items: NetworkItems | undefined;
  readonly #random: { next(): number };

  constructor(random: { next(): number }) {
    this.#random = random;
  }

  get items(): NetworkItems | undefined {
    return this.#items;
  }

  open(): NetworkDriver {
    return {
      apply: async (items, signal) => {
        await new Promise<void>((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        if (this.#random.next() < this.fails) throw new NetworkDriverError("netlink: device busy");
        this.#items = items;
      },
      look: async () => `${this.#items !== undefined}`,
      seen: async () => new Map(),
      counters: async () => new Map(),
      addresses: async () => new Map(),
      cards: async () => new Map(),
    };
  }

  powerCut(): void {
    this.#items = undefined;
  }
}
