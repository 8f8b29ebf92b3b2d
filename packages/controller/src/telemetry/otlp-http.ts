import { type Clock, type Instant, type Millis, millis, seconds } from "@selvedge/base";
import type { OtlpPost } from "./otlp-exporter.ts";

/** A collector that is slower than this is as good as away. */
const answerWithin = seconds(10);
/** What it answers is a line or two; of a longer answer nobody reads more than its status. */
const answerMax = 64 * 1024;

/** Posts to a collector over OTLP/HTTP; `endpoint` is its base, below which the paths of the signals are. */
export function otlpOverHttp(endpoint: URL, clock: Clock): OtlpPost {
  const base = endpoint.href.endsWith("/") ? endpoint.href : `${endpoint.href}/`;
  return async (path, json, signal) => {
    const late = new AbortController();
    const timer = clock.setTimer(answerWithin, () => late.abort(new Error("no answer in time")));
    try {
      const answer = await fetch(new URL(path, base), {
        ...{ method: "POST", headers: { "content-type": "application/json" }, body: json, redirect: "error" },
        signal: AbortSignal.any([signal, late.signal]),
      });
      const pause = pauseOf(answer.headers.get("retry-after"), clock.now());
      const rejected = rejectedOf(await beginning(answer.body));
      return {
        status: answer.status,
        ...(pause !== undefined && { pause }),
        ...(rejected > 0 && { rejected }),
      };
    } finally {
      timer.cancel();
    }
  };
}

async function beginning(body: ReadableStream<Uint8Array> | null): Promise<string> {
  let [text, bytes] = ["", 0];
  const decoder = new TextDecoder();
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > answerMax) return "";
    text += decoder.decode(part, { stream: true });
  }
  return text;
}

/** In seconds, or until when; undefined when it says neither. */
export function pauseOf(header: string | null, now: Instant): Millis | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return seconds(Number(header));
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : millis(Math.max(0, until - now));
}

/** A collector may take a message and leave out some of it, and then says how many. */
export function rejectedOf(text: string): number {
  try {
    const { partialSuccess = {} } = JSON.parse(text) as { partialSuccess?: Record<string, unknown> };
    const { rejectedLogRecords, rejectedDataPoints } = partialSuccess;
    const count = Number(rejectedLogRecords ?? rejectedDataPoints ?? 0);
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    // A collector need not answer anything that we can read: its status says all that counts.
    return 0;
  }
}
