import { type Instant, LruMap } from "@selvedge/base";
import type { CountedFlow } from "./flow-log.ts";

/** Connections of which something was told while they last: as many as are looked at. */
export const lastingMax = 4096;

interface Told {
  readonly began: Instant;
  readonly at: Instant;
  readonly sent: CountedFlow["sent"];
  readonly answered: CountedFlow["answered"];
}

/**
 * A connection that lasts for days is told while it lasts, piece by piece: what was counted since the piece before,
 * from when that one ended. Whoever adds up what he is told has what went through, whoever looks for who talks now
 * finds him.
 */
export class LastingFlows {
  readonly #told = new LruMap<string, Told>(lastingMax);

  /** Of one that goes on: the piece since it was told last; undefined while nobody says anything. */
  lasting(flow: CountedFlow): CountedFlow | undefined {
    const piece = this.#piece(flow);
    if (piece !== flow && piece.sent.packets + piece.answered.packets === 0n) return undefined;
    const { startedAt: began, endedAt: at, sent, answered } = flow;
    this.#told.set(keyOf(flow), { began, at, sent, answered });
    return piece;
  }

  /** Of one that ended: its last piece, which is all of it when nothing was told before. */
  ended(flow: CountedFlow): CountedFlow {
    const piece = this.#piece(flow);
    this.#told.delete(keyOf(flow));
    return piece;
  }

  #piece(flow: CountedFlow): CountedFlow {
    const told = this.#told.get(keyOf(flow));
    // Of the same addresses and ports, and another: it counts from nothing.
    if (told === undefined || !isSame(told, flow)) return flow;
    return {
      ...{ ...flow, startedAt: told.at },
      ...{ sent: since(flow.sent, told.sent), answered: since(flow.answered, told.answered) },
    };
  }
}

type Counted = CountedFlow["sent"];

/** The kernel tells how long it lasts in whole seconds: when it began wavers by one or two. */
const waver = 3_000;

function isSame(told: Told, flow: CountedFlow): boolean {
  const grew = (now: Counted, then: Counted): boolean =>
    now.packets >= then.packets && now.bytes >= then.bytes;
  return (
    Math.abs(told.began - flow.startedAt) <= waver &&
    grew(flow.sent, told.sent) &&
    grew(flow.answered, told.answered)
  );
}

function since(now: Counted, then: Counted): Counted {
  return { packets: now.packets - then.packets, bytes: now.bytes - then.bytes };
}

function keyOf({ protocol, source, sourcePort, target, targetPort }: CountedFlow): string {
  return `${protocol} ${source} ${sourcePort} ${target} ${targetPort}`;
}
