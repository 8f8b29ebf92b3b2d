import { BusyError, type NodeId } from "../ports.ts";

/** A node says some twenty things at a boot, one request after another; a link may overtake. */
const waitingMax = 32;
/** Of all nodes. A message may have a mebibyte, most have a few kilobytes; beyond these the store is behind. */
const waitingOfAllMax = 4096;

/**
 * Does one thing after another for each node, and many nodes' things beside each other. What is too much is
 * refused at once with a BusyError, before it is waited for.
 */
export class ReportQueues {
  readonly #nodes = new Map<NodeId, { tail: Promise<void>; waiting: number }>();
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  async run(node: NodeId, work: () => Promise<void>): Promise<void> {
    const queue = this.#nodes.get(node) ?? { tail: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= waitingMax || this.#waiting >= waitingOfAllMax) {
      throw new BusyError(`${queue.waiting} reports of this node wait, ${this.#waiting} of all`);
    }
    this.#nodes.set(node, queue);
    queue.waiting++;
    this.#waiting++;
    const mine = queue.tail.catch(() => undefined).then(work);
    queue.tail = mine;
    try {
      await mine;
    } finally {
      queue.waiting--;
      this.#waiting--;
      if (queue.waiting === 0) this.#nodes.delete(node);
    }
  }
}
