import { setTimeout } from "node:timers/promises";
import type { WifiLogin } from "../port-driver.ts";
import { loginFault, supplicantConfig } from "../wifi/wifi-config.ts";
import { startedWifi, type WifiProgress, withEvent } from "../wifi/wifi-events.ts";
import { Supplicant } from "./supplicant.ts";

/** To find a network, prove who we are and be let in. */
const joinMs = 15_000;
const pollMs = 50;

interface Client {
  readonly program: Supplicant;
  readonly config: string;
  readonly heard: { progress: WifiProgress };
}

/** Joins Wi-Fi networks by wpa_supplicant, one a card. */
export class WifiClients implements AsyncDisposable {
  readonly #folder: string;
  readonly #clients = new Map<string, Client>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Resolves once the card is in one of the networks, else rejects with why not; it goes on trying. */
  async join(card: string, networks: readonly WifiLogin[], signal: AbortSignal): Promise<void> {
    const faults = networks.flatMap((network) => loginFault(network) ?? []);
    if (faults.length > 0) throw new Error(faults.join("; "));
    const client = await this.#client(card, supplicantConfig(networks));
    for (let waited = 0; waited < joinMs; waited += pollMs) {
      signal.throwIfAborted();
      const { progress } = client.heard;
      const { ended } = client.program;
      if (progress.joined) return;
      if (ended !== undefined) throw new Error(ended);
      if (networks.every(({ ssid }) => progress.refused.includes(ssid))) break;
      await setTimeout(pollMs);
    }
    throw new Error(client.heard.progress.problem ?? `no network was joined in ${joinMs} ms`);
  }

  /** Ends those of other cards. */
  async keep(cards: readonly string[]): Promise<void> {
    for (const card of [...this.#clients.keys()]) if (!cards.includes(card)) await this.#leave(card);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keep([]);
  }

  /** The one that tries with this configuration already, or a new one. */
  async #client(card: string, config: string): Promise<Client> {
    const running = this.#clients.get(card);
    if (running !== undefined && running.config === config && running.program.ended === undefined)
      return running;
    await this.#leave(card);
    const heard = { progress: startedWifi };
    const program = await Supplicant.start({
      ...{ folder: this.#folder, card, driver: "nl80211", files: [config] },
      hear: (line) => {
        heard.progress = withEvent(heard.progress, line);
      },
    });
    const client: Client = { program, config, heard };
    this.#clients.set(card, client);
    return client;
  }

  async #leave(card: string): Promise<void> {
    const client = this.#clients.get(card);
    this.#clients.delete(card);
    await client?.program.end();
  }
}
