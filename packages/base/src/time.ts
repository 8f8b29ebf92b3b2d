import type { Brand } from "./brand.ts";

/** A length of time in milliseconds. */
export type Millis = Brand<number, "Millis">;
/** A point in time: milliseconds since 1970, UTC. */
export type Instant = Brand<number, "Instant">;

export function millis(value: number): Millis {
  return value as Millis;
}

export function seconds(value: number): Millis {
  return (value * 1000) as Millis;
}

export function minutes(value: number): Millis {
  return (value * 60_000) as Millis;
}

export function hours(value: number): Millis {
  return (value * 3_600_000) as Millis;
}

export function instant(value: number): Instant {
  return value as Instant;
}

/** The instant `span` after `at`. */
export function after(at: Instant, span: Millis): Instant {
  return (at + span) as Instant;
}

/** How long from `from` to `to`; negative when `to` is earlier. */
export function between(from: Instant, to: Instant): Millis {
  return (to - from) as Millis;
}

/** RFC 3339 in UTC with whole seconds, as Kubernetes writes metav1.Time. */
export function toRfc3339(at: Instant): string {
  const second = Math.floor(at / 1000);
  if (second !== lastSecond) {
    lastText = `${new Date(at).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** What was written last: of many at once most are of the same second. */
let lastSecond = Number.NaN;
let lastText = "";

/** RFC 3339 in UTC with microseconds, as Kubernetes writes metav1.MicroTime. */
export function toRfc3339Micro(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 23)}000Z`;
}

/** RFC 3339 in UTC with nanoseconds, as kubelets put it in front of what containers say. */
export function toRfc3339Nano(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 23)}000000Z`;
}

/** Something that will fire once unless cancelled. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, as a port. Two clocks in one: `now` is the calendar, which can jump by years; `monotonic` only ever
 * goes forward and is what lengths of time are measured with. Timers follow `monotonic`.
 */
export interface Clock {
  now(): Instant;
  monotonic(): Millis;
  /** Calls `fire` once after `span`; after none, once all else in the program has had its turn. */
  setTimer(span: Millis, fire: () => void): Timer;
}

/** Resolves after `span`; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, span: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(span, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
