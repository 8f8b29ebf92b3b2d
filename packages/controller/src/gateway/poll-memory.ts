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
  poll: RememberedPoll;
  body: Buffer;
}

/** A hash, a token and a signature; a longer poll is not remembered, so that nobody can make us hold much. */
const pollMax = 1024;
const [before = "", after = ""] = pathOf("config", { node: "*" }).split("*");
const uuidLength = 36;
const pathLength = before.length + uuidLength + after.length;

/**
 * The last poll of each node. A request that is the same to the byte is as good as the signature of that one
 * was. Bounded by the number of nodes: only what they signed is kept.
 *
 * Boxes of EVE sign each poll anew. What is kept of the last one is written over in place: objects that live for
 * a minute and are many are what a collection of all memory is started by.
 */
export class PollMemory {
  readonly #kept = new Map<NodeId, Kept>();

  /** The poll this request repeats. A path in capitals is nobody's way to write it, and is read elsewhere. */
  of(method: string, path: string, body: Uint8Array): RememberedPoll | undefined {
    if (method !== "POST" || path.length !== pathLength || !path.endsWith(after)) return undefined;
    if (!path.startsWith(before)) return undefined;
    const kept = this.#kept.get(path.slice(before.length, before.length + uuidLength));
    return kept?.body.equals(body) === true ? kept.poll : undefined;
  }

  keep(poll: RememberedPoll, body: Uint8Array): void {
    if (body.length > pollMax) return;
    const kept = this.#kept.get(poll.node.id);
    if (kept === undefined) {
      this.#kept.set(poll.node.id, { poll: owned(poll), body: copyOf(body) });
      return;
    }
    if (!isSame(kept.poll, poll)) kept.poll = owned(poll);
    if (kept.body.length === body.length) kept.body.set(body);
    else kept.body = copyOf(body);
  }

  forget(node: NodeId): void {
    this.#kept.delete(node);
  }
}

function isSame(one: RememberedPoll, other: RememberedPoll): boolean {
  const isSaid = one.node === other.node && one.configHash === other.configHash;
  return isSaid && Buffer.compare(one.token, other.token) === 0;
}

/** Without what it was read from. */
function owned({ node, configHash, token }: RememberedPoll): RememberedPoll {
  return { node, configHash, token: copyOf(token) };
}

/** Of the memory that small buffers share: one of its own costs more than what is in it. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}
