/**
 * Joins a box that runs EVE and whoever looks into it: both dial here, by the hash of one token, and each gets
 * what the other says. What that is, is between them: it is proved by a key that is in the token.
 */
import { type Clock, type Log, minutes, type Timer } from "@selvedge/base";
import type { SessionNames } from "./session-names.ts";

/** One of the two connections of a session. */
export interface SessionEnd {
  /** Bytes that are not read yet at the other side. */
  readonly bufferedBytes: number;
  send(data: Uint8Array, isText: boolean): void;
  close(): void;
  onMessage(take: (data: Uint8Array, isText: boolean) => void): void;
  /** Called for all that comes, also for what only says that it is there. */
  onSign(heard: () => void): void;
  onClose(gone: () => void): void;
}

export interface Dialled {
  /** The hash of a token. */
  readonly session: string;
  /** As it calls itself. */
  readonly host: string;
  /** Where it is. */
  readonly remote: string;
}

export interface DispatcherOptions {
  readonly names: Pick<SessionNames, "nodeOf">;
  readonly clock: Clock;
  readonly log: Log;
}

type Side = "box" | "person";
interface Joined extends Dialled {
  readonly end: SessionEnd;
  heardAt: number;
  /** Messages one after another that nobody was there for. */
  unheard: number;
  /** Since when the other one has left, while this one was not told. */
  leftAt?: number | undefined;
}
type Session = Partial<Record<Side, Joined>>;

/** What EVE's boxes end their names with. */
const boxSuffix = "-EV-server";
const alone = "no device online\n+++Done+++";
const joined = "server is connected";
const taken = "can't have more than 2 peers";
/** As EVE's own example: the other end may be on its way back. */
const unheardMax = 50;
/** What one end may leave unread. */
const bufferMax = 8 << 20;
/** For so long who has left may be on his way back: EVE's programs dial again within it. */
const returnMax = minutes(1);
/** Both ends give a sign each 30 s. */
const silenceMax = minutes(3);
const sweepEvery = minutes(1);

export class Dispatcher implements Disposable {
  readonly #options: DispatcherOptions;
  readonly #sessions = new Map<string, Session>();
  #timer: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Whether somebody may meet here by that name. */
  knows(session: string): boolean {
    return this.#options.names.nodeOf(session) !== undefined;
  }

  /** What EVE's client asks before it dials. */
  probe(session: string): string {
    return this.knows(session) && this.#sessions.has(session) ? joined : alone;
  }

  join(dialled: Dialled, end: SessionEnd): void {
    const { names, clock, log } = this.#options;
    const { session: name, host, remote } = dialled;
    const node = names.nodeOf(name);
    if (node === undefined) {
      end.close();
      return;
    }
    const side: Side = host.endsWith(boxSuffix) ? "box" : "person";
    const session = this.#sessions.get(name) ?? {};
    const before = session[side];
    // One that dials again takes its own place; another person waits until this one has left.
    if (before !== undefined && before.host !== host) {
      say(end, taken);
      end.close();
      return;
    }
    const here: Joined = { ...dialled, end, heardAt: clock.monotonic(), unheard: 0 };
    session[side] = here;
    this.#sessions.set(name, session);
    const there = session[other(side)];
    if (there !== undefined) there.leftAt = undefined;
    before?.end.close();
    log.info("an end of a remote session has come", { node, side, host, remote });
    end.onSign(() => {
      here.heardAt = clock.monotonic();
    });
    end.onClose(() => this.#left(name, side, here));
    say(end, `YourEndPointIPAddr:${remote}`);
    if (session[other(side)] === undefined) say(end, alone);
    end.onMessage((data, isText) => this.#carry(session, side, here, data, isText));
    this.#timer ??= clock.setTimer(sweepEvery, () => this.#sweep());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const session of this.#sessions.values()) closeAll(session);
  }

  #carry(session: Session, from: Side, here: Joined, data: Uint8Array, isText: boolean): void {
    if (session[from] !== here) return;
    const there = session[other(from)];
    if (there === undefined) {
      here.unheard++;
      if (here.unheard >= unheardMax) say(here.end, alone);
      return;
    }
    here.unheard = 0;
    if (there.end.bufferedBytes > bufferMax) there.end.close();
    else there.end.send(data, isText);
  }

  #left(name: string, side: Side, joinedHere: Joined): void {
    const session = this.#sessions.get(name);
    if (session?.[side] !== joinedHere) return;
    delete session[side];
    const there = session[other(side)];
    if (there === undefined) this.#sessions.delete(name);
    else there.leftAt = this.#options.clock.monotonic();
    const { host, remote } = joinedHere;
    this.#options.log.info("an end of a remote session has left", { side, host, remote });
  }

  /** Ends what has no token any more, and ends of which nothing is heard; who was left, and says nothing, is told. */
  #sweep(): void {
    const { clock } = this.#options;
    for (const [name, session] of this.#sessions) {
      if (!this.knows(name)) closeAll(session);
      for (const it of [session.box, session.person]) {
        if (it === undefined) continue;
        if (clock.monotonic() - it.heardAt > silenceMax) it.end.close();
        else if (it.leftAt !== undefined && clock.monotonic() - it.leftAt >= returnMax) {
          it.leftAt = undefined;
          say(it.end, alone);
        }
      }
    }
    this.#timer = this.#sessions.size === 0 ? undefined : clock.setTimer(sweepEvery, () => this.#sweep());
  }
}

const other = (side: Side): Side => (side === "box" ? "person" : "box");

function closeAll(session: Session): void {
  session.box?.end.close();
  session.person?.end.close();
}

function say(end: SessionEnd, text: string): void {
  end.send(new TextEncoder().encode(text), true);
}
