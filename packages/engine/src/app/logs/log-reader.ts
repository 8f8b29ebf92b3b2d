import { type Instant, toRfc3339Nano } from "@selvedge/base";
import type { AppLogs } from "./app-logs.ts";
import type { StoredLine } from "./stored-line.ts";

export interface LogQuery {
  readonly container: string;
  readonly attempt: number;
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** Nothing older; 0: everything. */
  readonly since: Instant;
}

/**
 * The bytes that `kubectl logs` prints. With `follow` it goes on until `over` says that the attempt has
 * ended and all it wrote was read. Back-pressure is the reader's: a slow one reads from the disk later,
 * nothing waits in memory.
 */
export async function* readLog(
  logs: AppLogs,
  query: LogQuery,
  over: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const format = new LineFormat(query.timestamps);
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  let position = await startOf(logs, query);
  let wake = Promise.withResolvers<void>();
  const stop = logs.onWritten(() => wake.resolve());
  const onAbort = (): void => wake.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted) {
      // Asked before reading, so that what the attempt wrote last is read after it.
      const ended = over();
      if (ended) await logs.flush();
      wake = Promise.withResolvers<void>();
      const lines = (await logs.container(query.container)?.linesAfter(position)) ?? [];
      for (const line of lines) {
        position = line.sequence;
        if (line.attempt !== query.attempt || line.at < query.since) continue;
        const bytes = format.format(line).subarray(0, left);
        left -= bytes.length;
        yield bytes;
        if (left <= 0) return;
      }
      if (lines.length > 0) continue;
      if (!query.follow || ended) return;
      await wake.promise;
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}

async function startOf(logs: AppLogs, { container, attempt, tailLines }: LogQuery): Promise<number> {
  const log = logs.container(container);
  if (log === undefined || tailLines === undefined) return 0;
  return await log.tailStart(attempt, tailLines);
}

/** Puts pieces of lines together again, each line with its time in front when asked. */
class LineFormat {
  readonly #timestamps: boolean;
  #inLine = false;

  constructor(timestamps: boolean) {
    this.#timestamps = timestamps;
  }

  format({ at, text, whole }: StoredLine): Uint8Array {
    const head = this.#timestamps && !this.#inLine ? `${toRfc3339Nano(at)} ` : "";
    this.#inLine = !whole;
    return Buffer.concat([Buffer.from(head), text, whole ? Buffer.from("\n") : new Uint8Array()]);
  }
}
