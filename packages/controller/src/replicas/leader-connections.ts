import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { minutes } from "@selvedge/base";
import type { Address } from "../address.ts";
import { connectToPeer, type Purpose } from "./peer-port.ts";

/** Who takes nothing for so long of what the other side has said before it left is not waited for. */
const lingerMax = minutes(1);

/**
 * The connections of this replica to the one that leads, for as long as that one does: a machine that has lost its
 * power ends none, and whoever is at the other end of one would wait for nothing.
 */
export class LeaderConnections {
  readonly #leader: () => Address | undefined;
  readonly #sockets = new Set<Socket>();
  #term = 0;

  constructor(leader: () => Address | undefined) {
    this.#leader = leader;
  }

  /** Undefined: nobody leads, or this replica does. */
  async open(purpose: Purpose): Promise<Socket | undefined> {
    const [leader, term] = [this.#leader(), this.#term];
    if (leader === undefined) return undefined;
    const socket = await connectToPeer(leader, purpose);
    if (term !== this.#term) {
      socket.destroy();
      return undefined;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return socket;
  }

  /** Another replica leads. */
  cut(): void {
    this.#term++;
    for (const socket of this.#sockets) socket.destroy();
  }
}

type Connection = Duplex & Partial<Pick<Socket, "setTimeout">>;

/** Carries both ways until one side ends; what it has said by then, the other one still hears. */
export function join(one: Connection, other: Connection): void {
  one.pipe(other).pipe(one);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => undefined);
    if (from.destroyed) to.destroy();
    else from.once("close", () => leave(from, to));
  }
}

function leave(from: Connection, to: Connection): void {
  if (!from.readableEnded || to.writableFinished) {
    to.destroy();
    return;
  }
  to.once("finish", () => to.destroy());
  to.setTimeout?.(lingerMax, () => to.destroy());
}
