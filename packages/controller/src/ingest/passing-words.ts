import { LruMap } from "@selvedge/base";
import type { NodeId } from "../ports.ts";

/** All that is held of all nodes: what a few thousand of them say, at ten kilobytes each. */
const bytesMax = 64 * 1024 * 1024;
/** Of one node: its device, its figures, where it is, its sources of time, its sessions. */
const wordsMax = 16;

/**
 * What nodes repeat all day, with other figures each time: it is in memory alone, since it comes again. Of the
 * node that has said nothing, and of which nobody asked, for the longest it is forgotten first.
 */
export class PassingWords {
  readonly #words: LruMap<NodeId, ReadonlyMap<string, Uint8Array>>;

  constructor(limit: number = bytesMax) {
    this.#words = new LruMap(limit, (words) => words.values().reduce((sum, { length }) => sum + length, 0));
  }

  keep(node: NodeId, key: string, bytes: Uint8Array): void {
    const words = this.of(node);
    if (!words.has(key) && words.size >= wordsMax) return;
    this.#words.set(node, new Map(words).set(key, bytes));
  }

  of(node: NodeId): ReadonlyMap<string, Uint8Array> {
    return this.#words.get(node) ?? nothing;
  }

  forget(node: NodeId): void {
    this.#words.delete(node);
  }
}

const nothing: ReadonlyMap<string, Uint8Array> = new Map();
