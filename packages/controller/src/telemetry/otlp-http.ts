import { type Clock, seconds } from "@selvedge/base";
import type { OtlpPost } from "./otlp-exporter.ts";

/** A collector that is slower than this is as good as away. */
const answerWithin = seconds(10);

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
      await answer.body?.cancel();
      return answer.status;
    } finally {
      timer.cancel();
    }
  };
}
