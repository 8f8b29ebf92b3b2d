import { type Instant, type Millis, millis, minutes, seconds } from "@selvedge/base";
import type { Pod } from "@selvedge/kinds";

const first = seconds(10);
const longest = minutes(5);

/**
 * How long to wait before Pods that failed are replaced: twice as long for each that failed, counted from
 * the last one. It is worked out from the Pods themselves, so it holds over restarts. 0: at once.
 */
export function replacementDelay(failed: readonly Pod[], now: Instant): Millis {
  if (failed.length === 0) return millis(0);
  const last = Math.max(...failed.map(endOf));
  const wait = Math.min(longest, first * 2 ** Math.min(failed.length - 1, 10));
  return millis(Math.max(0, last + wait - now));
}

/** When a Pod ended: the last of its containers, or when it was made if none ran. */
export function endOf({ metadata, status }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ""),
  );
  const made = Date.parse(metadata.creationTimestamp ?? "");
  return Math.max(0, ...[...ends, made].filter(Number.isFinite));
}
