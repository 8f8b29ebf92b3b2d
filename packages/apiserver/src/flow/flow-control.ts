/**
 * Lets as many requests be worked on at once as the server does well, and shares them out: by level, and
 * within a level by user. Nobody's requests, however many, keep another's waiting behind them.
 *
 *   request ── level ──┬─ a seat is free: in
 *                      └─ none: the user's own queue ── the user who had least is next
 *
 * A level may use seats that others leave empty. They need not wait for those: for as long as they are lent
 * more requests than seats are worked on, at most twice as many.
 */
import { type Clock, type MetricRegistry, type Millis, seconds } from "@selvedge/base";
import type { User } from "../auth/user.ts";
import { StatusError } from "../status-error.ts";
import { FairQueue, type Waiting } from "./fair-queue.ts";
import { type Level, standardLevels } from "./levels.ts";

export interface FlowControlOptions {
  readonly clock: Clock;
  readonly metrics?: MetricRegistry;
  readonly levels?: readonly Level[];
  /** Requests that are worked on at once, in all. */
  readonly seats?: number;
}

/** Upstream's 400 for reads and 200 for writes, together. */
const seatsDefault = 600;
/** A client with more requests under way than these and its seats does not read its answers. */
const flowMax = 128;
/** Each is a request with its headers: some kilobytes. */
const waitingMax = 2_048;
/** Upstream's: what has waited a quarter of a request's time will not be answered in the rest. */
const waitMax: Millis = seconds(15);
/** What a request is thought to cost until it is over, in milliseconds. */
const costGuess = 2;

interface Entry extends Waiting {
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
  async enter(user: User, gone?: () => AbortSignal): Promise<Disposable> {
    const place = this.#places.find(({ level }) => level.matches(user));
    if (place === undefined) throw this.#refusal("none");
    const flow = user.name;
    if (place.queue.waiting === 0 && this.#mayTake(place)) {
      place.queue.begin(flow, costGuess);
      return this.#seat(place, flow);
    }
    return await this.#wait(place, flow, gone);
  }

  #wait(place: Place, flow: string, gone: (() => AbortSignal) | undefined): Promise<Disposable> {
    const signal = gone?.();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        timer.cancel();
        signal?.removeEventListener("abort", leave);
      };
      const entry: Entry = {
        flow,
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

  /** Its own seats always, others' while nobody else waits for them. */
  #mayTake(place: Place): boolean {
    if (place.taken < place.own) return true;
    const wanted = this.#places.some(
      (other) => other !== place && other.queue.waiting > 0 && other.taken < other.own,
    );
    return !wanted && this.#taken < this.#seats;
  }

  #fill(): void {
    for (const place of this.#places) {
      while (place.queue.waiting > 0 && this.#mayTake(place)) {
        const entry = place.queue.next(costGuess);
        if (entry === undefined) break;
        entry.let(this.#seat(place, entry.flow));
      }
    }
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
