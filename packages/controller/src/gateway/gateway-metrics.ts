import type { Counter, MetricRegistry } from "@selvedge/base";
import type { EndpointName } from "@selvedge/eve-api";
import type { Refusals } from "./refusals.ts";

/** How a poll was believed, and what it got. */
export type PollProof = "remembered" | "verified";

/** What the gateway counts. */
export class GatewayMetrics {
  readonly #requests: Counter;
  readonly #polls: Counter;

  constructor(registry: MetricRegistry, refusals: Refusals) {
    this.#requests = registry.counter("selvedge_gateway_requests_total", "Requests of nodes.", [
      ...["endpoint", "code"],
    ]);
    this.#polls = registry.counter(
      "selvedge_gateway_polls_total",
      "Polls for a configuration: whether the signature was verified or remembered, and the answer.",
      ["proof", "code"],
    );
    registry.counted(
      "selvedge_gateway_refusals_total",
      "Requests of nodes that were refused.",
      ["reason"],
      () => [...refusals.totals()].map(([reason, count]) => [[reason], count] as const),
    );
  }

  request(endpoint: EndpointName | undefined, status: number): void {
    this.#requests.add([endpoint ?? "unknown", `${status}`]);
  }

  poll(proof: PollProof, status: number): void {
    this.#polls.add([proof, `${status}`]);
  }
}
