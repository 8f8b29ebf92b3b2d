/** Counts the exchanges with the controller, by endpoint. */
import type { Instant, Millis } from "@selvedge/base";

export interface EndpointTraffic {
  readonly tries: number;
  readonly triedBytes: number;
  readonly sent: number;
  readonly sentBytes: number;
  readonly received: number;
  readonly receivedBytes: number;
  readonly spentMs: number;
}

const none: EndpointTraffic = {
  ...{ tries: 0, triedBytes: 0, sent: 0, sentBytes: 0, received: 0, receivedBytes: 0, spentMs: 0 },
};

export class Traffic {
  /** By the endpoint's path, of which there are a dozen. */
  readonly endpoints: Map<string, EndpointTraffic> = new Map<string, EndpointTraffic>();
  failures = 0;
  successes = 0;
  lastFailure: Instant | undefined;
  lastSuccess: Instant | undefined;
  /** Answers whose signature nobody vouched for. */
  unverified = 0;

  begin(
    path: string,
    bytes: number,
    startedAt: Millis,
  ): { done(received: number, at: Millis, now: Instant): void; failed(now: Instant): void } {
    this.#add(path, { tries: 1, triedBytes: bytes });
    return {
      done: (received, at, now) => {
        this.#add(path, {
          ...{ sent: 1, sentBytes: bytes, spentMs: at - startedAt },
          ...(received > 0 ? { received: 1, receivedBytes: received } : {}),
        });
        this.successes++;
        this.lastSuccess = now;
      },
      failed: (now) => {
        this.failures++;
        this.lastFailure = now;
      },
    };
  }

  #add(path: string, more: Partial<EndpointTraffic>): void {
    const sum: Record<keyof EndpointTraffic, number> = { ...(this.endpoints.get(path) ?? none) };
    for (const [key, value] of Object.entries(more) as [keyof EndpointTraffic, number][]) sum[key] += value;
    this.endpoints.set(path, sum);
  }
}
