import { hours, millis } from "@selvedge/base";
import { lookAgain, type Outcome, settled } from "@selvedge/reconcile";

const soonest = 100;
/** Timers of longer spans than a month would fire at once; a look now and then costs nothing. */
const latest = hours(1);

/** Looks again when time alone may have changed the plan; undefined: never. */
export function later(again: number | undefined, reason = "waiting for time to pass"): Outcome {
  if (again === undefined) return settled;
  return lookAgain(reason, millis(Math.min(Math.max(again, soonest), latest)));
}
