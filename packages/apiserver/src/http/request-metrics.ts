/** Counts and measures requests, under the names upstream gives these figures. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Counter, Histogram, MetricRegistry } from "@selvedge/base";
import type { Target } from "../rest/target.ts";

/** Seconds: from a read out of memory to upstream's timeout. */
const latencyBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** What takes as long as the client wants says nothing about how fast we are. */
const longVerbs = ["watch", "connect"];

export interface RequestMeter {
  /** Once it is known what the request is about: its verb, as authorization calls it. */
  about(verb: string, target: Target | undefined): void;
  /** An upgrade was taken or refused; what happens on its socket later is not counted. */
  upgraded(code: number): void;
}

const noMeter: RequestMeter = { about: () => undefined, upgraded: () => undefined };

export class RequestMetrics {
  readonly #clock: Clock;
  readonly #requests: Counter;
  readonly #seconds: Histogram;
  /** Requests that are open, by verb and resource: watches and streams. */
  readonly #long = new Map<string, number>();

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.#requests = registry.counter("apiserver_request_total", "Requests that were answered.", [
      ...["verb", "group", "resource", "subresource", "code"],
    ]);
    this.#seconds = registry.histogram(
      "apiserver_request_duration_seconds",
      "How long requests took, but for watches and streams.",
      ["verb", "group", "resource"],
      latencyBounds,
    );
    registry.gauge(
      "apiserver_longrunning_requests",
      "Watches that are open.",
      ["verb", "group", "resource"],
      () => [...this.#long].map(([key, count]) => [key.split("\u0000"), count] as const),
    );
  }

  static meter(
    metrics: RequestMetrics | undefined,
    request: IncomingMessage,
    response: ServerResponse | undefined,
  ): RequestMeter {
    return metrics?.meter(request, response) ?? noMeter;
  }

  meter(request: IncomingMessage, response: ServerResponse | undefined): RequestMeter {
    const started = this.#clock.monotonic();
    let verb = request.method?.toLowerCase() ?? "get";
    let target: Target | undefined;
    let open: string | undefined;
    const done = (code: number): void => {
      const { group = "", plural = "" } = target?.kind ?? {};
      this.#requests.add([verb, group, plural, target?.subresource ?? "", `${code}`]);
      if (!longVerbs.includes(verb)) {
        this.#seconds.observe([verb, group, plural], (this.#clock.monotonic() - started) / 1000);
      }
      if (open !== undefined) this.#count(open, -1);
    };
    response?.once("close", () => done(response.statusCode));
    return {
      about: (said, named) => {
        verb = said;
        target = named;
        if (said !== "watch" || named === undefined || open !== undefined) return;
        open = [said, named.kind.group, named.kind.plural].join("\u0000");
        this.#count(open, 1);
      },
      upgraded: (code) => {
        verb = "connect";
        done(code);
      },
    };
  }

  #count(key: string, by: number): void {
    const count = (this.#long.get(key) ?? 0) + by;
    if (count > 0) this.#long.set(key, count);
    else this.#long.delete(key);
  }
}
