import type { NodeId } from "../ports.ts";

/** All that is held of all nodes: what a few thousand of them say, at ten kilobytes each. */
const bytesMax = 64 * 1024 * 1024;
/** Of one node: its device, its figures, where it is, its sources of time, its sessions. */
const wordsMax = 16;

/**
 * What nodes repeat all day, with other figures each time: it is in memory alone, since it comes again. Of the
 * node that has said nothing for the longest it is forgotten first.
 */
export class PassingWords {
  readonly #bytesMax: number;
  /** In the order in which nodes last spoke. */
  readonly #words = new Map<NodeId, Map<string, Uint8Array>>();
  #bytes = 0;

  constructor(limit: number = bytesMax) {
    this.#bytesMax = limit;
  }

  keep(node: NodeId, key: string, bytes: Uint8Array): void {
    const words = this.#words.get(node) ?? new Map<string, Uint8Array>();
    const before = words.get(key);
    if (before === undefined && words.size >= wordsMax) return;
    this.#bytes += bytes.length - (before?.length ?? 0);
    words.set(key, bytes);
    this.#words.delete(node);
    this.#words.set(node, words);
    for (const oldest of this.#words.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === node) break;
      this.forget(oldest);
    }
  }

  of(node: NodeId): ReadonlyMap<string, Uint8Array> {
    return this.#words.get(node) ?? nothing;
  }

  forget(node: NodeId): void {
    for (const bytes of this.of(node).values()) this.#bytes -= bytes.length;
    this.#words.delete(node);
  }
}

const nothing: ReadonlyMap<string, Uint8Array> = new Map();
