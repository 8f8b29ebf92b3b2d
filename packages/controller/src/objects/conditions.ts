import type { Condition } from "@selvedge/apimachinery";
import { type Instant, toRfc3339 } from "@selvedge/base";

/** What a condition says; when it began to is worked out by setCondition. */
export interface ConditionSays {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

/**
 * Puts a condition into a list, in place. The time of transition moves only when the status does. Returns
 * whether anything changed, so that nothing is written when nothing did.
 */
export function setCondition(conditions: Condition[], says: ConditionSays, now: Instant): boolean {
  const { type, status, reason, message } = says;
  const at = conditions.findIndex((condition) => condition.type === type);
  const known = conditions[at];
  if (known?.status === status && known.reason === reason && known.message === message) return false;
  const next: Condition = {
    ...known,
    type,
    status,
    lastTransitionTime:
      known?.status === status && known.lastTransitionTime !== undefined
        ? known.lastTransitionTime
        : toRfc3339(now),
  };
  if (reason === undefined) delete next.reason;
  else next.reason = reason;
  if (message === undefined) delete next.message;
  else next.message = message;
  if (at < 0) conditions.push(next);
  else conditions[at] = next;
  return true;
}

export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
