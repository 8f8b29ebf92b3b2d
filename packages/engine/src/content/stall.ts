import { type Clock, type Millis, millis } from "@selvedge/base";
import { HttpError } from "../host/http.ts";

/**
 * Work that must go on moving, and says each time that it did: when it has not for too long its signal is aborted.
 * It fails then as a connection that broke, which is taken up again where it was.
 */
export async function whileMoving<T>(
  clock: Clock,
  patience: Millis,
  signal: AbortSignal,
  work: (signal: AbortSignal, moved: () => void) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  let last: number = clock.monotonic();
  const look = (): void => {
    const left = last + patience - clock.monotonic();
    if (left > 0) timer = clock.setTimer(millis(left), look);
    else late.abort(new HttpError(`nothing came for ${patience / 1000} seconds`));
  };
  let timer = clock.setTimer(patience, look);
  try {
    return await work(AbortSignal.any([signal, late.signal]), () => {
      last = clock.monotonic();
    });
  } catch (error) {
    // A source may say in words of its own that it was given up.
    if (late.signal.aborted && !signal.aborted) throw late.signal.reason;
    throw error;
  } finally {
    timer.cancel();
  }
}
