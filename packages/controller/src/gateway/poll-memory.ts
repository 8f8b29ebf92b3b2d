import { pathOf } from "@selvedge/eve-api";
import type { NodeId } from "../ports.ts";
import type { KnownNode } from "./node-directory.ts";

/** What a poll said that was verified. */
export interface RememberedPoll {
  readonly node: KnownNode;
  readonly configHash: string;
  readonly token: Uint8Array;
}

interface Kept {
  readonly poll: RememberedPoll;
  /** A byte a character: for so few bytes a text costs less memory, and less of the collector's time. */
  readonly body: string;
}

/** A hash, a token and a signature; a longer poll is not remembered, so that nobody can make us hold much. */
const pollMax = 1024;
const [before = "", after = ""] = pathOf("config", { node: "*" }).split("*");
const uuidLength = 36;
const pathLength = before.length + uuidLength + after.length;

/**
 * The last poll of each node. A request that is the same to the byte is as good as the signature of that one
 * was. Bounded by the number of nodes: only what they signed is kept.
 */
export class PollMemory {
  readonly #kept = new Map<NodeId, Kept>();

  /** The poll this request repeats. A path in capitals is nobody's way to write it, and is read elsewhere. */
  of(method: string, path: string, body: Uint8Array): RememberedPoll | undefined {
    if (method !== "POST" || path.length !== pathLength || !path.endsWith(after)) return undefined;
    if (!path.startsWith(before)) return undefined;
    const kept = this.#kept.get(path.slice(before.length, before.length + uuidLength));
    if (kept === undefined || kept.body.length !== body.length) return undefined;
    return kept.body === textOf(body) ? kept.poll : undefined;
  }

  keep(poll: RememberedPoll, body: Uint8Array): void {
    if (body.length <= pollMax) this.#kept.set(poll.node.id, { poll, body: textOf(body) });
  }

  forget(node: NodeId): void {
    this.#kept.delete(node);
  }
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
