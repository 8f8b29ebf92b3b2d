/** What webhooks take and do, under upstream's names. */
import type { Clock, Counter, Histogram, MetricRegistry } from "@selvedge/base";

export interface AskedHook {
  readonly name: string;
  readonly type: "admit" | "validating";
  readonly operation: string;
}

/** Who is at fault when a webhook lets nothing through; undefined: it does. */
export type Rejection = "no_error" | "calling_webhook_error" | "apiserver_internal_error" | undefined;

const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export class WebhookMetrics {
  readonly #durations: Histogram | undefined;
  readonly #rejections: Counter | undefined;
  readonly #failedOpen: Counter | undefined;

  constructor(metrics: MetricRegistry | undefined) {
    const name = "apiserver_admission_webhook";
    this.#durations = metrics?.histogram(
      `${name}_admission_duration_seconds`,
      "How long webhooks took to answer.",
      ["name", "type", "operation", "rejected"],
      bounds,
    );
    this.#rejections = metrics?.counter(
      `${name}_rejection_count`,
      "Writes that webhooks did not let be, by who is at fault.",
      ["name", "type", "operation", "error_type", "rejection_code"],
    );
    this.#failedOpen = metrics?.counter(
      `${name}_fail_open_count`,
      "Writes that were let be because a webhook did not answer and need not have.",
      ["name", "type"],
    );
  }

  /** Returns how to say what came of it. */
  begin({ name, type, operation }: AskedHook, clock: Clock): (rejection: Rejection, code: number) => void {
    const since = clock.monotonic();
    return (rejection, code) => {
      const rejected = `${rejection !== undefined}`;
      this.#durations?.observe([name, type, operation, rejected], (clock.monotonic() - since) / 1000);
      if (rejection !== undefined) this.#rejections?.add([name, type, operation, rejection, `${code}`]);
    };
  }

  failedOpen({ name, type }: Pick<AskedHook, "name" | "type">): void {
    this.#failedOpen?.add([name, type]);
  }
}
