import { describeError, millis, SystemClock, sleep } from "@selvedge/base";

/**
 * How often a value is looked at again: often enough that waiting adds nothing to what is measured in
 * seconds.
 */
const lookEvery = millis(100);

/** Looks until there is a value; the last failure becomes part of the complaint when there never is. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined>,
  limitSeconds = 180,
): Promise<T> {
  const clock = new SystemClock();
  const deadline = clock.monotonic() + limitSeconds * 1000;
  let reason = "";
  while (clock.monotonic() < deadline) {
    try {
      const value = await look();
      if (value !== undefined) return value;
      reason = "";
    } catch (error) {
      reason = `: ${describeError(error)}`;
    }
    await sleep(clock, lookEvery);
  }
  throw new Error(`gave up waiting for ${what} after ${limitSeconds} s${reason}`);
}
