import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { run } from "../../network/linux/run.ts";
import {
  type PortAuthentication,
  parseSupplicantCounters,
  parseSupplicantState,
  startedWired,
  type WiredProgress,
  type WiredState,
  wiredConfig,
  withWiredEvent,
} from "../wired/supplicant.ts";
import { Supplicant } from "./supplicant.ts";

/** For the switch to ask who is there: one that wants to know does so at once. */
const askedMs = 3_000;
/** For both to prove to each other who they are. */
const provedMs = 15_000;
const pollMs = 50;

interface Client {
  readonly program: Supplicant;
  readonly shown: string;
  readonly heard: { progress: WiredProgress; authenticatedAt: number | undefined };
}

/** Shows switches who the node is, by wpa_supplicant, one a card. */
export class WiredClients implements AsyncDisposable {
  readonly #folder: string;
  readonly #clients = new Map<string, Client>();
  /** Told each time a switch lets a card in. */
  readonly #onLetIn: (card: string) => void;

  constructor(folder: string, onLetIn: (card: string) => void) {
    this.#folder = folder;
    this.#onLetIn = onLetIn;
  }

  /**
   * Resolves once the switch lets the card in, refuses it, or does not ask: then what there is speaks without.
   * The program goes on trying.
   */
  async authenticate(card: string, shown: PortAuthentication, signal: AbortSignal): Promise<void> {
    const client = await this.#client(card, shown);
    for (let waited = 0; waited < provedMs; waited += pollMs) {
      signal.throwIfAborted();
      const { progress } = client.heard;
      const { ended } = client.program;
      if (progress.authenticated || progress.problem !== undefined || ended !== undefined) return;
      if (!progress.asked && waited >= askedMs) return;
      await setTimeout(pollMs);
    }
  }

  /** Ends those of other cards. */
  async keep(cards: readonly string[]): Promise<void> {
    for (const card of [...this.#clients.keys()]) if (!cards.includes(card)) await this.#leave(card);
  }

  /** Undefined for a card that shows nothing. */
  async look(card: string): Promise<WiredState | undefined> {
    const client = this.#clients.get(card);
    if (client === undefined) return undefined;
    const ask = async (what: string): Promise<string> =>
      await run("wpa_cli", ["-p", this.#control, "-i", card, what]).catch(() => "");
    const [status, mib] = await Promise.all([ask("status"), ask("mib")]);
    const problem = client.program.ended ?? client.heard.progress.problem;
    const { authenticatedAt } = client.heard;
    const state = parseSupplicantState(status);
    const refused = problem !== undefined && state !== "authenticated" && state !== "held";
    return {
      ...{ state: refused ? "failed" : state, counters: parseSupplicantCounters(mib) },
      ...(authenticatedAt === undefined ? {} : { authenticatedAt }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keep([]);
  }

  get #control(): string {
    return join(this.#folder, "wired");
  }

  async #client(card: string, shown: PortAuthentication): Promise<Client> {
    const text = JSON.stringify(shown);
    const running = this.#clients.get(card);
    if (running !== undefined && running.shown === text && running.program.ended === undefined)
      return running;
    await this.#leave(card);
    const heard: Client["heard"] = { progress: startedWired, authenticatedAt: undefined };
    const program = await this.#start(card, shown, (line) => {
      const before = heard.progress.authenticated;
      heard.progress = withWiredEvent(heard.progress, line);
      if (!line.includes("CTRL-EVENT-EAP-SUCCESS") && (before || !heard.progress.authenticated)) return;
      heard.authenticatedAt = Date.now();
      if (!before && heard.progress.authenticated) this.#onLetIn(card);
    });
    const client: Client = { program, shown: text, heard };
    this.#clients.set(card, client);
    return client;
  }

  async #start(card: string, shown: PortAuthentication, hear: (line: string) => void): Promise<Supplicant> {
    await mkdir(this.#control, { recursive: true, mode: 0o700 });
    const { identity, certificate, key, chain } = shown;
    // In the order of the numbers by which the configuration calls them.
    const files = [
      ...[wiredConfig(identity, this.#control), key],
      ...[[certificate, ...chain].join("\n"), chain.join("\n")],
    ];
    return await Supplicant.start({ folder: this.#folder, card, driver: "wired", files, hear });
  }

  async #leave(card: string): Promise<void> {
    const client = this.#clients.get(card);
    this.#clients.delete(card);
    await client?.program.end();
  }
}
