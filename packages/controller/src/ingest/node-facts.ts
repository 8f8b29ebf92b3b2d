import type { Instant, Millis } from "@selvedge/base";
import type { NodeId } from "../ports.ts";

/**
 * What a node said that is news rather than state: kept in memory, said again by the node at its next
 * report.
 */
export interface AppList {
  /** Every app instance that exists on the node; of a box of EVE, that is to run or may have a machine. */
  readonly apps: ReadonlySet<string>;
  /** Of the configuration the node runs on. */
  readonly configHash: string;
}

/**
 * What the controller remembers of nodes between their reports: when each was last heard, on both clocks,
 * and which apps it has. Bounded by the number of nodes that were admitted, because only those get past the
 * gateway.
 */
export class NodeFacts {
  /** Written over in place: a new object for each request of each node would be most of what becomes garbage. */
  readonly #seen = new Map<NodeId, { at: Instant; mono: Millis }>();
  readonly #apps = new Map<NodeId, AppList>();
  /** Nodes whose next word somebody waits for. */
  readonly #awaited = new Set<NodeId>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  see(node: NodeId, at: Instant, mono: Millis): void {
    const seen = this.#seen.get(node);
    if (seen === undefined) this.#seen.set(node, { at, mono });
    else {
      seen.at = at;
      seen.mono = mono;
    }
    if (this.#awaited.delete(node) || seen === undefined) this.#tell(node);
  }

  /** How many nodes were heard since the start. */
  get count(): number {
    return this.#seen.size;
  }

  /** Tells the listeners when this node, which is silent now, is heard again. */
  listenFor(node: NodeId): void {
    this.#awaited.add(node);
  }

  lastSeen(node: NodeId): { readonly at: Instant; readonly mono: Millis } | undefined {
    const seen = this.#seen.get(node);
    return seen && { ...seen };
  }

  setApps(node: NodeId, list: AppList): void {
    this.#apps.set(node, list);
    this.#tell(node);
  }

  apps(node: NodeId): AppList | undefined {
    return this.#apps.get(node);
  }

  forget(node: NodeId): void {
    this.#seen.delete(node);
    this.#apps.delete(node);
    this.#awaited.delete(node);
  }

  /**
   * Called with a node that was heard for the first time since the start, or again after a silence, or told
   * which apps it has.
   */
  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(node: NodeId): void {
    for (const listener of this.#listeners) listener(node);
  }
}
