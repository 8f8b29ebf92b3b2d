import type { Instant } from "@selvedge/base";
import { ext, getExtension, type metrics } from "@selvedge/eve-api";

/** What an app uses, as its node measured. */
export interface Usage {
  readonly at: Instant;
  readonly cpuNanos: bigint;
  /** CPU used between the last two reports, in thousandths of a core; undefined until there were two. */
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number;
  readonly containers: readonly { readonly name: string; readonly memoryBytes: number }[];
}

const mebibyte = 1024 * 1024;

/** The figures of one metric message; `before` is what the same app said last. */
export function usageOf(metric: metrics.appMetric, at: Instant, before: Usage | undefined): Usage {
  const extension = getExtension(metric, ext.AppUsageSchema);
  const cpuNanos = metric.cpu?.totalNs || (metric.cpu?.total ?? 0n) * 1_000_000_000n;
  const elapsed = before === undefined ? 0 : at - before.at;
  const used = before === undefined ? 0n : cpuNanos - before.cpuNanos;
  return {
    at,
    cpuNanos,
    // A counter that went back is an app that started again.
    cpuMillis: elapsed > 0 && used >= 0n ? Math.round(Number(used) / 1000 / elapsed) : undefined,
    memoryBytes: Number(metric.appMemory?.usedMB ?? metric.memory?.usedMem ?? 0) * mebibyte,
    containers: (extension?.containers ?? []).map(({ name, memoryBytes }) => ({
      name,
      memoryBytes: Number(memoryBytes),
    })),
  };
}
