/**
 * `/livez`, `/readyz` and `/healthz`: whether the server lives, and whether it can answer for its objects. Anybody
 * may ask, so that load balancers and supervisors can; a store that is gone makes a server not ready, and no
 * reason to kill it.
 */
import type { ServerResponse } from "node:http";
import { type Clock, type Millis, millis } from "@selvedge/base";

export interface HealthPorts {
  readonly clock: Clock;
  /** Rejects, or takes long, when objects cannot be read. */
  readonly readStore: () => Promise<unknown>;
}

/** What is looked at, in this order. */
const checksOf: Readonly<Record<string, readonly Check[]>> = {
  livez: ["ping"],
  readyz: ["ping", "store"],
  healthz: ["ping", "store"],
};
type Check = "ping" | "store";
/** Who asks for an answer would not wait longer. */
const checkMax: Millis = millis(2000);
/** Strangers ask as often as they like; the store is asked once in this time. */
const keptFor: Millis = millis(500);

export class Health {
  readonly #ports: HealthPorts;
  #store: { readonly at: Millis; readonly isThere: Promise<boolean> } | undefined;

  constructor(ports: HealthPorts) {
    this.#ports = ports;
  }

  /** Whether the path was one of these; then it has been answered. `/readyz/store` is one check alone. */
  async serve(path: string, query: URLSearchParams, response: ServerResponse): Promise<boolean> {
    const [, name = "", only, ...more] = path.split("/");
    const checks = checksOf[name];
    if (checks === undefined || more.length > 0) return false;
    if (only !== undefined) {
      const check = checks.find((one) => one === only);
      if (check === undefined) return false;
      const passes = await this.#passes(check);
      send(response, passes, passes ? "ok" : `internal server error: ${check} failed`);
      return true;
    }
    await this.#serveAll(name, checks, query, response);
    return true;
  }

  /** Upstream's lines: tools look for `[-]`. */
  async #serveAll(
    name: string,
    checks: readonly Check[],
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const excluded = new Set(query.getAll("exclude"));
    const lines: string[] = [];
    let passes = true;
    for (const check of checks) {
      if (excluded.delete(check)) {
        lines.push(`[+]${check} excluded: ok`);
        continue;
      }
      const isGood = await this.#passes(check);
      passes &&= isGood;
      lines.push(isGood ? `[+]${check} ok` : `[-]${check} failed: reason withheld`);
    }
    if (excluded.size > 0) {
      const unknown = [...excluded].map((one) => JSON.stringify(one)).join(", ");
      lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown}`);
    }
    lines.push(`${name} check ${passes ? "passed" : "failed"}`);
    send(response, passes, passes && !query.has("verbose") ? "ok" : `${lines.join("\n")}\n`);
  }

  #passes(check: Check): Promise<boolean> | boolean {
    if (check === "ping") return true;
    const now = this.#ports.clock.monotonic();
    if (this.#store === undefined || now - this.#store.at > keptFor)
      this.#store = { at: now, isThere: this.#readsStore() };
    return this.#store.isThere;
  }

  async #readsStore(): Promise<boolean> {
    const { clock, readStore } = this.#ports;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = clock.setTimer(checkMax, () => resolve(false));
    // Why is for the log of who reads and writes: strangers are not told.
    readStore().then(
      () => resolve(true),
      () => resolve(false),
    );
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }
}

function send(response: ServerResponse, passes: boolean, text: string): void {
  response.writeHead(passes ? 200 : 500, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache, private",
  });
  response.end(text);
}
