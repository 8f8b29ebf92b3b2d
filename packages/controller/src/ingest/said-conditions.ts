import type { ext } from "@selvedge/eve-api";
import type { ConditionSays } from "../objects/conditions.ts";

/** A node of ours says five of itself and as many of an app; the rest is room for what comes. */
const saidMax = 32;
/**
 * Conditions of an object in all. Others may put their own there; a node that invents new ones for ever may
 * not.
 */
const conditionsMax = 64;
const typePattern = /^[A-Za-z][A-Za-z0-9_./-]{0,127}$/;
const textMax = 1024;

/** What a node says in conditions, without those that `isOurs` names. */
export function saidConditions(
  reported: readonly ext.Condition[],
  isOurs: (type: string) => boolean,
): (ConditionSays & { readonly at: bigint })[] {
  return reported.slice(0, saidMax).flatMap(({ type, status, reason, message, lastTransitionAt: at }) =>
    typePattern.test(type) &&
    !isOurs(type) &&
    (status === "True" || status === "False" || status === "Unknown")
      ? [
          {
            ...{ type, status, at },
            ...(reason && { reason: reason.slice(0, textMax) }),
            ...(message && { message: message.slice(0, textMax) }),
          },
        ]
      : [],
  );
}

/** Makes room for what is said now: of what is neither ours nor said any more, the oldest goes. */
export function makeRoom<T extends { readonly type: string }>(
  conditions: T[],
  said: readonly { readonly type: string }[],
  isOurs: (type: string) => boolean,
): void {
  const isSaid = ({ type }: T): boolean => said.some((one) => one.type === type);
  const added = said.filter(({ type }) => !conditions.some((one) => one.type === type)).length;
  for (let excess = conditions.length + added - conditionsMax; excess > 0; excess--) {
    const at = conditions.findIndex((condition) => !isOurs(condition.type) && !isSaid(condition));
    if (at < 0) return;
    conditions.splice(at, 1);
  }
}
