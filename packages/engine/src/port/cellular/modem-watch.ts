/**
 * Finds out which modems lead nowhere although they are connected: networks forget modems without telling them.
 * Such a one is told, used last, and connected anew each time it is found so.
 */
import { describeError, type Log } from "@selvedge/base";
import type { CardState, PortDriver } from "../port-driver.ts";
import type { PortSpec } from "../port-spec.ts";

export class ModemWatch {
  readonly #driver: Pick<PortDriver, "askBeyond" | "reconnect">;
  readonly #log: Log;
  /** Why nobody answers, by card. */
  readonly #unanswered = new Map<string, string>();

  constructor(driver: Pick<PortDriver, "askBeyond" | "reconnect">, log: Log) {
    this.#driver = driver;
    this.#log = log;
  }

  /** `reached`: names of ports by which the controller was just spoken to, which is as good an answer as any. */
  async ask(ports: readonly PortSpec[], reached: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const asked = ports.filter(({ cellular }) => cellular !== undefined);
    for (const card of this.#unanswered.keys())
      if (!asked.some((port) => port.interface === card)) this.#unanswered.delete(card);
    await Promise.all(
      asked.map(async (port) => {
        if (port.cellular?.probe === undefined && reached.has(port.name))
          this.#unanswered.delete(port.interface);
        else await this.#askBy(port, signal);
      }),
    );
  }

  /** Connects anew what leads nowhere, and asks again. Resolves with whether there was any. */
  async heal(ports: readonly PortSpec[], signal: AbortSignal): Promise<boolean> {
    const broken = ports.filter((port) => this.isSilent(port));
    if (broken.length === 0) return false;
    this.#log.warn("modems lead nowhere and are connected anew", {
      why: Object.fromEntries(this.#unanswered),
    });
    try {
      await this.#driver.reconnect(
        broken.map((port) => port.interface),
        signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn("modems cannot be connected anew", { error: describeError(error) });
    }
    await Promise.all(broken.map((port) => this.#askBy(port, signal)));
    return true;
  }

  isSilent({ interface: card }: Pick<PortSpec, "interface">): boolean {
    return this.#unanswered.has(card);
  }

  /** The cards as they are, and what was found out of them. */
  told(cards: ReadonlyMap<string, CardState>): Record<string, CardState> {
    return Object.fromEntries(
      [...cards].map(([name, card]) => {
        const unanswered = this.#unanswered.get(name);
        return [name, unanswered === undefined ? card : { ...card, unanswered }];
      }),
    );
  }

  async #askBy({ interface: card, cellular, proxy }: PortSpec, signal: AbortSignal): Promise<void> {
    try {
      await this.#driver.askBeyond(card, { probe: cellular?.probe, proxy: proxy?.server }, signal);
      this.#unanswered.delete(card);
    } catch (error) {
      // Also when the time for all is over: whoever gave no answer by then is as good as silent.
      this.#unanswered.set(card, describeError(error));
    }
  }
}
