/**
 * Lets as many requests be worked on at once as the server does well, and shares them out: by level, and
 * within a level by user. Nobody's requests, however many, keep another's waiting behind them.
 *
 *   request ── level ──┬─ a seat is free: in
 *                      └─ none: the user's own queue ── the user who had least is next
 *
 * Reads are computed at once and give their seats back at once: many that come in one piece would be answered
 * in one piece. So a turn of the event loop takes a few, and the others wait for theirs like what waits for a
 * seat. Writes may be as many in a turn as there are seats: they are synced together.
 *
 * A level may use seats that others leave empty. They need not wait for those: for as long as they are lent
 * more requests than seats are worked on, at most twice as many.
 */
import { type Clock, type MetricRegistry, type Millis, seconds } from "@selvedge/base";
import type { User } from "../auth/user.ts";
import { StatusError } from "../status-error.ts";
import { FairQueue, type Waiting } from "./fair-queue.ts";
import { isOfLevel, type Level, standardLevels } from "./levels.ts";

export interface FlowControlOptions {
  readonly clock: Clock;
  readonly metrics?: MetricRegistry;
  readonly levels?: readonly Level[];
  /** Requests that are worked on at once, in all. */
  readonly seats?: number;
}

/** Upstream's 400 for reads and 200 for writes, together. */
const seatsDefault = 600;
/** Two HTTP/2 connections full of requests; a client with more at once should wait for its answers. */
export const flowMax = 512;
/** Each is a request with its headers: some kilobytes. */
export const waitingMax = 4_096;
/** Reads of one turn of the event loop, before others may come in between. */
const turnMax = 8;
/** Upstream's: what has waited a quarter of a request's time will not be answered in the rest. */
const waitMax: Millis = seconds(15);
/** What a request is thought to cost until it is over, in milliseconds. */
const costGuess = 2;

/** A request that wants in. */
export interface FlowRequest {
  readonly user: User;
  readonly writes: boolean;
  /** Fires when nobody waits for the answer any more. */
  readonly gone?: (() => AbortSignal) | undefined;
}

interface Entry extends Waiting {
  readonly writes: boolean;
  readonly let: (seat: Disposable) => void;
  readonly refuse: () => void;
}

interface Place {
  readonly level: Level;
  readonly queue: FairQueue<Entry>;
  /** Seats that are its own whenever it wants them. */
  readonly own: number;
  taken: number;
}

export class FlowControl {
  readonly #clock: Clock;
  readonly #places: readonly Place[];
  readonly #seats: number;
  #taken = 0;
  /** Reads that were let in during this turn. */
  #turn = 0;
  #isPumping = false;
  readonly #rejected = new Map<string, number>();

  constructor({ clock, metrics, levels = standardLevels, seats = seatsDefault }: FlowControlOptions) {
    this.#clock = clock;
    this.#seats = seats;
    const shares = levels.reduce((sum, { share }) => sum + share, 0);
    this.#places = levels.map((level) => ({
      ...{ level, queue: new FairQueue<Entry>({ flowMax, waitingMax }), taken: 0 },
      own: Math.max(1, Math.floor((seats * level.share) / shares)),
    }));
    if (metrics !== undefined) this.#measure(metrics);
  }

  /** A seat for a request of the user, to be given back by disposal; refuses with 429 when there are too many. */
  async enter({ user, writes, gone }: FlowRequest): Promise<Disposable> {
    // Who is of no level is of the last.
    const place = this.#places.find(({ level }) => isOfLevel(level, user)) ?? this.#places.at(-1);
    if (place === undefined) throw this.#refusal("none");
    const flow = user.name;
    if (place.queue.waiting === 0 && this.#mayTake(place) && (writes || this.#takesTurn())) {
      place.queue.begin(flow, costGuess);
      return this.#seat(place, flow);
    }
    return await this.#wait(place, flow, writes, gone);
  }

  #wait(place: Place, flow: string, writes: boolean, gone: FlowRequest["gone"]): Promise<Disposable> {
    const signal = gone?.();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener("abort", leave);
      };
      const entry: Entry = {
        ...{ flow, writes },
        let: (seat) => {
          settle();
          resolve(seat);
        },
        refuse: () => {
          settle();
          reject(this.#refusal(place.level.name));
        },
      };
      const leave = (): void => {
        if (place.queue.leave(entry)) entry.refuse();
      };
      const timer = this.#clock.setTimer(waitMax, leave);
      signal?.addEventListener("abort", leave);
      const joined = place.queue.join(entry);
      if (joined.type === "refused") entry.refuse();
      else if (joined.type === "pushes-out") joined.other.refuse();
      this.#fill();
    });
  }

  /** Whether this turn of the event loop has room for another read. */
  #takesTurn(): boolean {
    if (this.#turn >= turnMax) return false;
    if (this.#turn === 0) {
      setImmediate(() => {
        this.#turn = 0;
        this.#fill();
      });
    }
    this.#turn++;
    return true;
  }

  /** Its own seats always, others' while nobody else waits for them. */
  #mayTake(place: Place): boolean {
    if (place.taken < place.own) return true;
    const wanted = this.#places.some(
      (other) => other !== place && other.queue.waiting > 0 && other.taken < other.own,
    );
    return !wanted && this.#taken < this.#seats;
  }

  /** Lets in who waits, in the next turn: by then others may have come who have had less. */
  #fill(): void {
    if (this.#isPumping || this.#next() === undefined) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      for (let reads = 0; reads < turnMax; ) {
        const place = this.#next();
        const entry = place?.queue.next(costGuess);
        if (place === undefined || entry === undefined) return;
        if (!entry.writes) reads++;
        entry.let(this.#seat(place, entry.flow));
      }
      this.#fill();
    });
  }

  /** The level whose turn it is: the one that uses least of its share. */
  #next(): Place | undefined {
    let next: Place | undefined;
    for (const place of this.#places) {
      if (place.queue.waiting === 0 || !this.#mayTake(place)) continue;
      if (next === undefined || place.taken / place.own < next.taken / next.own) next = place;
    }
    return next;
  }

  #seat(place: Place, flow: string): Disposable {
    place.taken++;
    this.#taken++;
    const since = this.#clock.monotonic();
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        place.taken--;
        this.#taken--;
        place.queue.done(flow, this.#clock.monotonic() - since - costGuess);
        this.#fill();
      },
    };
  }

  #refusal(level: string): StatusError {
    this.#rejected.set(level, (this.#rejected.get(level) ?? 0) + 1);
    const message = "Too many requests, please try again later.";
    return new StatusError(429, "TooManyRequests", message, { retryAfterSeconds: 1 });
  }

  #measure(metrics: MetricRegistry): void {
    const labels = ["priority_level"];
    const each = (value: (place: Place) => number) => () =>
      this.#places.map((place) => [[place.level.name], value(place)] as const);
    metrics.gauge(
      "apiserver_flowcontrol_current_executing_requests",
      "Requests that are worked on.",
      labels,
      each(({ taken }) => taken),
    );
    metrics.gauge(
      "apiserver_flowcontrol_current_inqueue_requests",
      "Requests that wait.",
      labels,
      each(({ queue }) => queue.waiting),
    );
    metrics.gauge(
      "apiserver_flowcontrol_rejected_requests",
      "Requests that were refused since the start, as there were too many.",
      labels,
      each(({ level }) => this.#rejected.get(level.name) ?? 0),
    );
  }
}
