import { type Clock, type Millis, seconds } from "@selvedge/base";

/**
 * A program that passes a signal on, as timeout and npm do, tells us and then all of our group: what comes
 * twice within such a time was asked once.
 */
const echo: Millis = seconds(1);

/** For Ctrl-C and its like: the first has things put away, a later one does not wait for that. */
export function onStopSignal(
  clock: Pick<Clock, "monotonic">,
  putAway: () => void,
  leave: () => void,
): () => void {
  let since: Millis | undefined;
  return () => {
    const now = clock.monotonic();
    if (since === undefined) {
      since = now;
      putAway();
    } else if (now - since > echo) leave();
  };
}
