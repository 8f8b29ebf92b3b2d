import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MetricRegistry } from "@selvedge/base";

/** How finely is looked. What is shorter is not seen. */
const resolution = 10;

/** Figures of this process itself. */
export function processMetrics(metrics: MetricRegistry): void {
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const help = "The longest time that everything else had to wait for one thing, since this was asked last.";
  metrics.gauge("process_event_loop_delay_max_seconds", help, [], () => {
    const longest = Math.max(0, delay.max / 1e9 - resolution / 1000);
    delay.reset();
    return [[[], longest]];
  });
}
