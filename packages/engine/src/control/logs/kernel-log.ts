/**
 * What the kernel says of the box: a disk that fails, a process that was killed for its memory. Where the node looks
 * after its box itself it goes the way of the engine's own log, as the configuration has it.
 */
import {
  type Clock,
  describeError,
  type Instant,
  type Log,
  type LogRecord,
  seconds,
  sleep,
} from "@selvedge/base";
import type { Disk } from "../../host/disk.ts";
import { isSevere, type KernelLine, severityWords } from "./kernel-line.ts";

export interface KernelSource {
  /** Of this start of the box; another has its lines counted anew. */
  readonly boot: string;
  /** Lines that came since it was asked last, at first those that the kernel still has. */
  read(): Promise<readonly KernelLine[]>;
}

export interface KernelLogParts {
  readonly source: KernelSource;
  readonly settings: { text(key: "debug.kernel.loglevel" | "debug.kernel.remote.loglevel"): string };
  /** For the controller. */
  readonly upload: (line: {
    readonly severity: string;
    readonly content: string;
    readonly at: Instant;
  }) => void;
  /** For whoever looks at the node's newest lines. */
  readonly recent: (record: LogRecord) => void;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
}

/** A disk does not fail more often, and who watches a box live has its console. */
const lookEvery = seconds(30);
const path = "control/kernel-log.json";

export class KernelLog implements AsyncDisposable {
  readonly #parts: KernelLogParts;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** The last line that was passed on. */
  #last = -1;

  constructor(parts: KernelLogParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#parts.log.error("the kernel's log is not followed", { error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    await this.#load();
    for (;;) {
      try {
        await this.look();
      } catch (error) {
        log.warn("the kernel's log cannot be read now", { error: describeError(error) });
      }
      await sleep(clock, lookEvery, signal);
    }
  }

  /** Passes on what is new. */
  async look(): Promise<void> {
    const { source, settings, upload, recent } = this.#parts;
    const fresh = (await source.read()).filter(({ sequence }) => sequence > this.#last);
    for (const line of fresh) {
      const { severity, text: content, at } = line;
      // What the box does not keep, the controller is not told either.
      if (!isSevere(line, settings.text("debug.kernel.loglevel"))) continue;
      recent(recordOf(line));
      const word = severityWords[severity] ?? "info";
      if (isSevere(line, settings.text("debug.kernel.remote.loglevel")))
        upload({ severity: word, content, at });
    }
    const last = fresh.at(-1)?.sequence;
    if (last === undefined) return;
    this.#last = last;
    const { disk } = this.#parts;
    await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify({ boot: source.boot, last })));
  }

  async #load(): Promise<void> {
    const bytes = await this.#parts.disk.read(path);
    if (bytes === undefined) return;
    try {
      const { boot, last } = JSON.parse(new TextDecoder().decode(bytes)) as { boot?: string; last?: number };
      if (boot === this.#parts.source.boot && typeof last === "number") this.#last = last;
    } catch {
      // What cannot be read is as none: lines are told twice.
    }
  }
}

const levels = ["error", "error", "error", "error", "warn", "info", "info", "debug"] as const;

function recordOf({ severity, text, at }: KernelLine): LogRecord {
  const level = levels[severity] ?? "info";
  return { at: new Date(at).toISOString(), level, logger: "kernel", message: text, fields: {} };
}
