import type { Clock, Millis } from "@selvedge/base";

/** Work that has so long: then its signal is aborted, and says why. */
export async function inTime<T>(
  { clock, span, late }: { readonly clock: Clock; readonly span: Millis; readonly late: string },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const timer = clock.setTimer(span, () => over.abort(new Error(late)));
  try {
    return await work(AbortSignal.any([signal, over.signal]));
  } catch (error) {
    if (over.signal.aborted && !signal.aborted) throw over.signal.reason;
    throw error;
  } finally {
    timer.cancel();
  }
}
