import { type ChildProcess, spawn } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import type { WifiLogin } from "../port-driver.ts";
import { loginFault, supplicantConfig } from "../wifi/wifi-config.ts";
import { startedWifi, type WifiProgress, withEvent } from "../wifi/wifi-events.ts";

/** To find a network, prove who we are and be let in. */
const joinMs = 15_000;
const pollMs = 50;
/** Of what it said last, for the case that it gives up. */
const saidMax = 3;

interface Client {
  readonly process: ChildProcess;
  readonly config: string;
  progress: WifiProgress;
  /** The last lines it said. */
  said: readonly string[];
  ended: string | undefined;
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
      const { progress, ended } = client;
      if (progress.joined) return;
      if (ended !== undefined) throw new Error(ended);
      if (networks.every(({ ssid }) => progress.refused.includes(ssid))) break;
      await setTimeout(pollMs);
    }
    throw new Error(client.progress.problem ?? `no network was joined in ${joinMs} ms`);
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
    if (running !== undefined && running.config === config && running.ended === undefined) return running;
    await this.#leave(card);
    const process = await this.#spawn(card, config);
    const client: Client = { process, config, progress: startedWifi, said: [], ended: undefined };
    this.#clients.set(card, client);
    const hear = (line: string): void => {
      client.progress = withEvent(client.progress, line);
      client.said = [...client.said, line].slice(-saidMax);
    };
    for (const stream of [process.stdout, process.stderr])
      if (stream !== null) createInterface({ input: stream }).on("line", hear);
    process.once("error", (error) => {
      client.ended = error.message;
    });
    process.once("close", (code) => {
      client.ended ??= `wpa_supplicant ended (${code}): ${client.said.join("; ")}`;
    });
    return client;
  }

  /** What is secret in the configuration has no name in the folder any more when the program reads it. */
  async #spawn(card: string, config: string): Promise<ChildProcess> {
    const name = join(this.#folder, `${card}.wifi`);
    await rm(name, { force: true });
    const file = await open(name, "wx+", 0o600);
    try {
      await rm(name);
      await file.writeFile(config);
      const args = ["wpa_supplicant", "-D", "nl80211", "-i", card, "-c", "/proc/self/fd/3"];
      // Whoever ends us without a word ends it too: two of them on one card would take turns in ending the
      // other's connection.
      const words = ["--pdeathsig", "TERM", ...args];
      return spawn("setpriv", words, { stdio: ["ignore", "pipe", "pipe", file.fd] });
    } finally {
      await file.close();
    }
  }

  async #leave(card: string): Promise<void> {
    const client = this.#clients.get(card);
    this.#clients.delete(card);
    if (client === undefined || client.ended !== undefined) return;
    const gone = new Promise((resolve) => client.process.once("close", resolve));
    client.process.kill("SIGTERM");
    await gone;
  }
}
