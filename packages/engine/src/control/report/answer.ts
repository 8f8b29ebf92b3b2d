/** Statuses of EVE's 4xx after which the same message may still be taken. */
const retried: ReadonlySet<number> = new Set([401, 403, 407, 408, 429]);
const taken: ReadonlySet<number> = new Set([200, 201, 204, 304]);

/**
 * What becomes of a message that was answered so, as EVE has it: it was taken; it will never be, since it would be
 * the same again; or the controller is not able to take it now. 202 is no "taken": nobody answers so who kept it.
 */
export function outcomeOf(status: number): "taken" | "never" | "again" {
  if (taken.has(status)) return "taken";
  return status >= 400 && status < 500 && !retried.has(status) ? "never" : "again";
}
