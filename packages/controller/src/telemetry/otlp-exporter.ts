import {
  backoffDelay,
  type Clock,
  type Counter,
  describeError,
  type Instant,
  type Log,
  type MetricRegistry,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
  sleep,
} from "@selvedge/base";
import type { LogLine } from "../logs/log-bundle.ts";
import { isOfFleet } from "./figures/fleet-figures.ts";
import { type ExportedLine, logsMessage, metricsMessage, type Resource } from "./otlp-messages.ts";

export interface OtlpAnswer {
  readonly status: number;
  /** For so long it wants to be left alone. */
  readonly pause?: Millis;
  /** It took the rest. */
  readonly rejected?: number;
}

type Path = "v1/metrics" | "v1/logs";

/** Posts one message; rejects when nobody answers. */
export type OtlpPost = (path: Path, json: string, signal: AbortSignal) => Promise<OtlpAnswer>;

export interface OtlpExporterOptions {
  readonly post: OtlpPost;
  readonly metrics: MetricRegistry;
  /** What nodes and apps measure: by node, what was not taken yet. */
  readonly figures: FigureNews;
  /** Whose a log is. */
  readonly resourceOf: (owner: string) => Resource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What nodes told since it was taken last. */
export interface FigureNews {
  /** As much as one message holds; undefined when there is nothing new. */
  next(): FigureBatch | undefined;
}

export interface FigureBatch {
  readonly message: unknown;
  readonly points: number;
  /** They need not be told again. */
  taken(): void;
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
/** Longer than this nobody is left alone, whatever he says: the queue would only overflow. */
const pauseMax = minutes(5);
/** When we end, so long is tried to send what waits. */
const flushWithin = seconds(3);
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
  /** In a row. */
  #failures = 0;

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

  /** What waits is sent, if somebody takes it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, log } = this.#options;
    this.#stop.abort();
    this.#wake?.();
    await this.#loops;
    const late = new AbortController();
    const timer = clock.setTimer(flushWithin, () => late.abort(new Error("no time is left")));
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      const outcome = await this.#try("v1/logs", this.#jsonOf(batch), batch.length, late.signal);
      if (outcome === "taken") continue;
      const lines = batch.length + this.#queue.length;
      this.#dropped.add(["logs"], lines);
      log.warn("logs were not exported any more", { lines });
      break;
    }
    timer.cancel();
  }

  async #sendLogs(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      if (this.#queue.length === 0) await this.#filled();
      if (this.#bytes < batchBytesMax) await sleep(clock, gather, signal);
      const batch = this.#takeBatch();
      const json = this.#jsonOf(batch);
      for (let failures = 1; batch.length > 0; failures++) {
        const outcome = await this.#try("v1/logs", json, batch.length, signal);
        if (outcome === "taken" || outcome === "never") break;
        // What nobody took is still there when the end comes.
        if (signal.aborted) return this.#putBack(batch);
        const pause = longer(backoffDelay(backoff, failures, random), outcome);
        await sleep(clock, pause, signal).catch(() => this.#putBack(batch));
        signal.throwIfAborted();
      }
    }
  }

  async #sendMetrics(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const pause = await this.#tryMetrics(signal);
      await sleep(clock, longer(metricsEvery, pause), signal);
    }
  }

  /**
   * Our own are tried once: the next ones say all that these would. Those of nodes come more seldom, and are there
   * until somebody takes them, or newer ones come.
   */
  async #tryMetrics(signal: AbortSignal): Promise<Millis> {
    const { clock, metrics, figures } = this.#options;
    const families = metrics.families().filter((family) => !isOfFleet(family));
    const points = families.reduce((sum, { samples }) => sum + samples.length, 0);
    const own = metricsMessage(
      families,
      { "service.name": "selvedge-controller" },
      this.#started,
      clock.now(),
    );
    const outcome = await this.#try("v1/metrics", JSON.stringify(own), points, signal);
    if (typeof outcome === "number") {
      this.#dropped.add(["metrics"], points);
      return outcome;
    }
    for (let batch = figures.next(); batch !== undefined && !signal.aborted; batch = figures.next()) {
      const became = await this.#try("v1/metrics", JSON.stringify(batch.message), batch.points, signal);
      if (typeof became === "number") return became;
      batch.taken();
    }
    return millis(0);
  }

  #jsonOf(batch: readonly ExportedLine[]): string {
    const { clock, resourceOf } = this.#options;
    return JSON.stringify(logsMessage(batch, resourceOf, clock.now()));
  }

  async #try(path: Path, json: string, count: number, signal: AbortSignal): Promise<Outcome> {
    const { post, log } = this.#options;
    const name = path.slice("v1/".length);
    const answer = await post(path, json, signal).catch((error: unknown) => describeError(error));
    const {
      status,
      pause = millis(0),
      rejected = 0,
    }: OtlpAnswer = typeof answer === "string" ? { status: 0 } : answer;
    if (status >= 200 && status < 300) {
      const lost = Math.min(rejected, count);
      this.#failures = 0;
      this.#sent.add([name], count - lost);
      if (lost > 0) {
        this.#dropped.add([name], lost);
        log.warn("the collector left something out", { path, count: lost });
      }
      return "taken";
    }
    if (signal.aborted) return pause;
    this.#failures++;
    if (Number.isInteger(Math.log2(this.#failures)))
      log.warn("the collector did not take it", { path, answer, failures: this.#failures });
    if (typeof answer === "string" || retryable.includes(status)) return pause;
    this.#dropped.add([name], count);
    return "never";
  }

  #putBack(batch: readonly ExportedLine[]): void {
    this.#queue.unshift(...batch);
    this.#bytes += batch.reduce((sum, { line }) => sum + sizeOf(line), 0);
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

/** What became of a message; a number: it may be tried again, and not before so many milliseconds. */
type Outcome = "taken" | "never" | Millis;

/** As long as we wait, or as long as somebody wants us to, within reason. */
function longer(ours: Millis, theirs: Millis): Millis {
  if (theirs <= ours) return ours;
  return theirs < pauseMax ? theirs : pauseMax;
}

function sizeOf({ text }: LogLine): number {
  return text.length + lineOverhead;
}
