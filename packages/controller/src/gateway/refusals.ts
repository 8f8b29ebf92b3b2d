import { between, type Clock, type Instant, type Log, LruMap } from "@selvedge/base";
import type { NodeId } from "../ports.ts";

/** Why a request was not answered, as counted: also the keys of EdgeNode.status.refused. */
export type RefusalReason =
  /** A node that is not that far yet: every boot begins so. Counted, and no news. */
  | "early"
  | "path"
  | "method"
  | "oversize"
  | "malformed"
  | "unknown"
  | "signature"
  | "identity"
  | "token"
  | "payload"
  | "replay"
  | "enrolment"
  /** Of an address that was refused too often. */
  | "rate"
  /** Of a node or an address that asked for more than its share: nothing was wrong with it. */
  | "share";

export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
  readonly remote: string;
  /** The node it was in the name of, if the gateway knows one. */
  readonly node?: NodeId | undefined;
  readonly path: string;
  readonly requestId: string;
  /**
   * Boxes that ask to become nodes have a budget of their own: those that wait must not slow down those
   * that work.
   */
  readonly registering?: boolean;
}

/** What takes no more than a look at the request: a fleet that waits for approval does these all day. */
const cheap: ReadonlySet<RefusalReason> = new Set([
  "early",
  "path",
  "method",
  "oversize",
  "unknown",
  "token",
  "rate",
  "share",
]);

/** Remotes, and nodes that were refused, remembered at once; who is forgotten starts anew. 100 bytes each. */
const remotesMax = 20_000;
/** Nodes whose refusals are counted: more than one controller serves. */
const nodesMax = 50_000;
/** A fleet behind one address that is refused by mistake still gets through; a flood does not. */
const shared: Budget = { burst: 400, perSecond: 40 };
/** One node's own, at the address it speaks from. What it costs to check these is a tenth of a flood. */
const own: Budget = { burst: 40, perSecond: 4 };

interface Budget {
  readonly burst: number;
  readonly perSecond: number;
}

interface Remote {
  readonly budget: Budget;
  /** Refusals that may still come before the remote has to wait. */
  readonly left: number;
  readonly at: Instant;
  readonly count: number;
}

/**
 * Counts requests that were refused, by who sent them and by the node they were in the name of. A remote
 * with too many is turned away before anything is verified, so that a flood of bad signatures costs no more
 * than its bytes. The log tells the first of each and then the 2nd, 4th, 8th, …
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #remotes = new LruMap<string, Remote>(remotesMax);
  /** Where nodes last proved who they are. */
  readonly #homes = new LruMap<NodeId, string>(nodesMax);
  readonly #nodes = new LruMap<NodeId, Partial<Record<RefusalReason, number>>>(nodesMax);
  readonly #totals = new Map<RefusalReason, number>();
  readonly #listeners = new Set<(node: NodeId) => void>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Whether this remote has used up its refusals for now. Requests in the name of a node that speaks from
   * there have a budget of their own: a stranger behind the same address does not silence it.
   */
  exhausted(remote: string, registering: boolean, node: NodeId | undefined): boolean {
    // Nearly always: then nothing is looked for.
    if (this.#remotes.size === 0) return false;
    const [key] = this.#budgetOf(remote, registering, node);
    const known = this.#remotes.get(key);
    return known !== undefined && this.#left(known) < 1;
  }

  /** The node has just proved who it is, from this address. */
  proved(remote: string, node: NodeId): void {
    this.#homes.set(node, remote);
  }

  count(refusal: Refusal): void {
    const { reason, remote, node, registering = false } = refusal;
    this.#totals.set(reason, (this.#totals.get(reason) ?? 0) + 1);
    if (reason === "early") return;
    const [key, budget] = this.#budgetOf(remote, registering, node);
    const known = this.#remotes.get(key);
    const count = (known?.count ?? 0) + 1;
    const spent = cheap.has(reason) ? 0 : 1;
    const left = (known === undefined ? budget.burst : this.#left(known)) - spent;
    this.#remotes.set(key, { budget, left, at: this.#clock.now(), count });
    if (node !== undefined) this.#countNode(node, reason);
    const { message: why, ...fields } = refusal;
    if (Number.isInteger(Math.log2(count))) this.#log.warn("request refused", { ...fields, why, count });
  }

  /** Counts in a node's name since the start, for its status. */
  of(node: NodeId): Readonly<Partial<Record<RefusalReason, number>>> {
    return this.#nodes.get(node) ?? {};
  }

  /** Called with a node whose count has grown enough to be told: the 1st, 2nd, 4th, … Returns how to stop. */
  onChange(listener: (node: NodeId) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  totals(): ReadonlyMap<RefusalReason, number> {
    return this.#totals;
  }

  #countNode(node: NodeId, reason: RefusalReason): void {
    const before = this.#nodes.get(node) ?? {};
    const counts = { ...before, [reason]: (before[reason] ?? 0) + 1 };
    this.#nodes.set(node, counts);
    const sum = Object.values(counts).reduce((one, other) => one + other, 0);
    if (Number.isInteger(Math.log2(sum))) for (const listener of [...this.#listeners]) listener(node);
  }

  #budgetOf(remote: string, registering: boolean, node: NodeId | undefined): readonly [string, Budget] {
    if (node !== undefined && this.#homes.get(node) === remote) return [`${remote} ${node}`, own];
    return [registering ? `${remote} registering` : remote, shared];
  }

  #left({ left, at, budget: { burst, perSecond } }: Remote): number {
    // A clock that went back must not take what was there.
    const passed = Math.max(0, between(at, this.#clock.now()));
    return Math.min(burst, left + (passed / 1000) * perSecond);
  }
}
