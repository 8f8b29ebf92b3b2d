import { type Clock, type Millis, seconds, type Timer } from "@selvedge/base";
import type { Io } from "./io.ts";

/** How long a step may be silent: long enough to be no noise, short enough that nobody thinks it hangs. */
const stillEvery: Millis = seconds(10);
/** Shorter steps are not worth a line when they end. */
const worthTelling: Millis = seconds(2);

/** Says what is being done, that it still is and for what it waits, and how long it took. */
export async function step<T>(
  io: Io,
  clock: Clock,
  label: string,
  work: (waits: (reason: string) => void) => Promise<T>,
): Promise<T> {
  const start = clock.monotonic();
  const elapsed = (): string => `${((clock.monotonic() - start) / 1000).toFixed(1)} s`;
  io.err(`${label}…`);
  let timer: Timer;
  let why = "";
  const remind = (): void => {
    io.err(`  still: ${label} (${elapsed()})${why && `: ${why}`}`);
    timer = clock.setTimer(stillEvery, remind);
  };
  timer = clock.setTimer(stillEvery, remind);
  try {
    const result = await work((reason) => {
      why = reason;
    });
    if (clock.monotonic() - start >= worthTelling) io.err(`  done in ${elapsed()}`);
    return result;
  } finally {
    timer.cancel();
  }
}
