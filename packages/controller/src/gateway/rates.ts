/**
 * How much of our work a node may ask for, whose every signature is good: a program that runs wild in one box must
 * not be felt by the others. What is bounded is what it costs us and not how often it asks, so that a box that was
 * away for days says all it has kept, and one that only polls is never noticed.
 *
 * Whoever has had its share is told to come back later, with a status that no node drops anything for.
 */
import { type Clock, LruMap, seconds } from "@selvedge/base";
import type { EndpointName } from "@selvedge/eve-api";
import type { NodeId } from "../ports.ts";

/** What a node may ask for, in reports a second; Infinity for no bound. */
export type NodeRate = number;

/** Fifty reports a second are more than a box of a hundred apps has to say, and a few hundredths of a processor. */
export const defaultNodeRate: NodeRate = 50;
/** What was not asked for so long is kept for later: 5,000 reports at once, or 300 MB of logs. */
const savedMs = seconds(100);
/** A poll that changes nothing is a signature to verify at most; a report is read, judged and stored. */
const pollCost = 0.02;
/** Bodies of more than this cost as much again for each as much. */
const bytesPerReport = 64 * 1024;

/**
 * What anybody may ask for without having proved anything: our certificates, whether we are there, to be a node. By
 * its address, behind which there may be a fleet of tens of thousands that comes back at once.
 */
const openRate = 1000;
/** Addresses remembered at once; who is forgotten begins anew. */
const remotesMax = 20_000;

/** Until when what was asked for would take, at the rate there is. Written over in place: it is on every poll's way. */
interface Debt {
  until: number;
}

export class Rates {
  readonly #clock: Clock;
  /** What one report takes, in milliseconds. */
  readonly #cost: number;
  /** Of nodes that have proved who they are, so there are no more than nodes. */
  readonly #nodes = new Map<NodeId, Debt>();
  readonly #remotes = new LruMap<string, Debt>(remotesMax);

  constructor(clock: Clock, rate: NodeRate = defaultNodeRate) {
    this.#clock = clock;
    this.#cost = 1000 / rate;
  }

  /** Whether the node has had its share for now: nothing is taken, as nobody has proved to be it yet. */
  isSpent(node: NodeId): boolean {
    const debt = this.#nodes.get(node);
    return debt !== undefined && debt.until - this.#clock.monotonic() > savedMs;
  }

  /** Takes what a request of the node costs, or a tunnel it dials; false when its share is spent. */
  spend(node: NodeId, name: EndpointName | "tunnel", bytes: number): boolean {
    const reports = name === "config" ? pollCost : 1 + Math.floor(bytes / bytesPerReport);
    return this.#take(debtOf(this.#nodes, node), reports * this.#cost);
  }

  /** Takes what a poll costs that was verified before; false when its share is spent. */
  poll(node: NodeId): boolean {
    return this.#take(debtOf(this.#nodes, node), pollCost * this.#cost);
  }

  /** Takes from what the address has, behind which anybody may be; false when that is spent. */
  open(remote: string): boolean {
    return this.#take(debtOf(this.#remotes, remote), 1000 / openRate);
  }

  forget(node: NodeId): void {
    this.#nodes.delete(node);
  }

  /** What begins before the share is spent is given whole: a large bundle must come through some time. */
  #take(debt: Debt, costMs: number): boolean {
    const now = this.#clock.monotonic();
    if (debt.until - now > savedMs) return false;
    debt.until = Math.max(debt.until, now) + costMs;
    return true;
  }
}

function debtOf(
  debts: { get(key: string): Debt | undefined; set(key: string, debt: Debt): unknown },
  key: string,
): Debt {
  const known = debts.get(key);
  if (known !== undefined) return known;
  const debt = { until: 0 };
  debts.set(key, debt);
  return debt;
}
