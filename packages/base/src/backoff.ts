import type { Random } from "./random.ts";
import { type Millis, millis } from "./time.ts";

export interface BackoffPolicy {
  readonly first: Millis;
  readonly max: Millis;
}

/**
 * How long to wait after `failures` failures in a row: doubling, bounded, with half of it left to chance so
 * that a fleet that failed together does not come back together.
 */
export function backoffDelay(policy: BackoffPolicy, failures: number, random: Random): Millis {
  const full = Math.min(policy.max, policy.first * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return millis(full / 2 + (full / 2) * random.next());
}
