import {
  backoffDelay,
  type Clock,
  type Counter,
  describeError,
  type Instant,
  type Log,
  type MetricRegistry,
  minutes,
  type Random,
  seconds,
  sleep,
} from "@selvedge/base";
import type { LogLine } from "../logs/log-bundle.ts";
import { type ExportedLine, logsMessage, metricsMessage, type Resource } from "./otlp-messages.ts";

/** Posts one message; rejects when nobody answers. */
export type OtlpPost = (path: "v1/metrics" | "v1/logs", json: string, signal: AbortSignal) => Promise<number>;

export interface OtlpExporterOptions {
  readonly post: OtlpPost;
  readonly metrics: MetricRegistry;
  /** Whose a log is. */
  readonly resourceOf: (owner: string) => Resource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What waits while nobody takes it: some minutes of a busy fleet. The oldest goes first. */
const queueBytesMax = 16 * 1024 * 1024;
/** Collectors take 4 MiB. */
const batchBytesMax = 1024 * 1024;
const batchLinesMax = 2_000;
/** So long lines wait for company. */
const gather = seconds(2);
const metricsEvery = minutes(1);
const backoff = { first: seconds(1), max: minutes(1) };
/** As the specification has it: these may be tried again, all others never succeed. */
const retryable = [429, 502, 503, 504];
/** A record's own fields around its text. */
const lineOverhead = 300;

/**
 * Sends figures and logs to an OpenTelemetry collector. Nothing waits for it: what it cannot send in time it
 * drops and counts, and the API shows the counts.
 */
export class OtlpExporter implements AsyncDisposable {
  readonly #options: OtlpExporterOptions;
  readonly #started: Instant;
  readonly #sent: Counter;
  readonly #dropped: Counter;
  readonly #stop = new AbortController();
  #queue: ExportedLine[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: OtlpExporterOptions) {
    const { metrics, clock } = options;
    this.#options = options;
    this.#started = clock.now();
    this.#sent = metrics.counter("selvedge_otlp_sent_total", "Log records and figures exported.", ["signal"]);
    this.#dropped = metrics.counter("selvedge_otlp_dropped_total", "What could not be exported.", ["signal"]);
    metrics.gauge("selvedge_otlp_queue_bytes", "Logs that wait to be exported.", [], () => [
      [[], this.#bytes],
    ]);
  }

  start(): void {
    const { log } = this.#options;
    const guard = (loop: Promise<void>): Promise<void> =>
      loop.catch((error: unknown) => {
        if (!this.#stop.signal.aborted) log.error("the export ended", { error: describeError(error) });
      });
    this.#loops = Promise.all([guard(this.#sendLogs()), guard(this.#sendMetrics())]);
  }

  /** Takes lines to send; never blocks and never fails. */
  lines(owner: string, lines: readonly LogLine[]): void {
    for (const line of lines) {
      this.#queue.push({ owner, line });
      this.#bytes += sizeOf(line);
    }
    let dropped = 0;
    while (this.#bytes > queueBytesMax) {
      const oldest = this.#queue[dropped];
      if (oldest === undefined) break;
      this.#bytes -= sizeOf(oldest.line);
      dropped++;
    }
    if (dropped > 0) {
      this.#queue.splice(0, dropped);
      this.#dropped.add(["logs"], dropped);
    }
    this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#loops;
  }

  async #sendLogs(): Promise<void> {
    const { clock, resourceOf } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (this.#queue.length === 0) await this.#filled();
      if (this.#bytes < batchBytesMax) await sleep(clock, gather, signal);
      const batch = this.#takeBatch();
      if (batch.length === 0) continue;
      const message = logsMessage(batch, resourceOf, clock.now());
      await this.#send("v1/logs", message, batch.length);
    }
  }

  async #sendMetrics(): Promise<void> {
    const { clock, metrics } = this.#options;
    const { signal } = this.#stop;
    const resource = { "service.name": "selvedge-controller" };
    while (!signal.aborted) {
      const families = metrics.families();
      const points = families.reduce((sum, { samples }) => sum + samples.length, 0);
      await this.#send("v1/metrics", metricsMessage(families, resource, this.#started, clock.now()), points);
      await sleep(clock, metricsEvery, signal);
    }
  }

  /**
   * Until it is taken, or refused for good. Figures are tried once: the next ones say all that these would.
   */
  async #send(path: "v1/metrics" | "v1/logs", message: unknown, count: number): Promise<void> {
    const { post, clock, random, log } = this.#options;
    const { signal } = this.#stop;
    const json = JSON.stringify(message);
    const name = path.slice("v1/".length);
    for (let failures = 0; !signal.aborted; ) {
      const outcome = await post(path, json, signal).catch((error: unknown) => describeError(error));
      if (typeof outcome === "number" && outcome >= 200 && outcome < 300) {
        this.#sent.add([name], count);
        return;
      }
      if (signal.aborted) return;
      failures++;
      if (Number.isInteger(Math.log2(failures))) {
        log.warn("the collector did not take it", { path, outcome, failures });
      }
      const again = typeof outcome === "string" || retryable.includes(outcome);
      if (!again || path === "v1/metrics") {
        this.#dropped.add([name], count);
        return;
      }
      await sleep(clock, backoffDelay(backoff, failures, random), signal);
    }
  }

  #takeBatch(): ExportedLine[] {
    let [count, bytes] = [0, 0];
    for (const { line } of this.#queue) {
      if (count >= batchLinesMax || (count > 0 && bytes + sizeOf(line) > batchBytesMax)) break;
      bytes += sizeOf(line);
      count++;
    }
    this.#bytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #filled(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    this.#stop.signal.throwIfAborted();
  }
}

function sizeOf({ text }: LogLine): number {
  return text.length + lineOverhead;
}
