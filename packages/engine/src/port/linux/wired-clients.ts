import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { run } from "../../network/linux/run.ts";
import {
  files,
  type PortAuthentication,
  parseSupplicantCounters,
  parseSupplicantState,
  startedWired,
  type WiredProgress,
  type WiredState,
  wiredConfig,
  withWiredEvent,
} from "../wired/supplicant.ts";

/** For the switch to ask who is there: one that wants to know does so at once. */
const askedMs = 3_000;
/** For both to prove to each other who they are. */
const provedMs = 15_000;
const pollMs = 50;
const saidMax = 3;

interface Client {
  readonly process: ChildProcess;
  readonly shown: string;
  progress: WiredProgress;
  said: readonly string[];
  ended: string | undefined;
  authenticatedAt: number | undefined;
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
      const { progress, ended } = client;
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
    const problem = client.ended ?? client.progress.problem;
    const state = parseSupplicantState(status);
    const refused = problem !== undefined && state !== "authenticated" && state !== "held";
    return {
      ...{ state: refused ? "failed" : state, counters: parseSupplicantCounters(mib) },
      ...(client.authenticatedAt === undefined ? {} : { authenticatedAt: client.authenticatedAt }),
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
    if (running !== undefined && running.shown === text && running.ended === undefined) return running;
    await this.#leave(card);
    const process = await this.#spawn(card, shown);
    const client: Client = {
      ...{ process, shown: text, progress: startedWired, said: [], ended: undefined },
      authenticatedAt: undefined,
    };
    this.#clients.set(card, client);
    const hear = (line: string): void => {
      const before = client.progress.authenticated;
      client.progress = withWiredEvent(client.progress, line);
      client.said = [...client.said, line].slice(-saidMax);
      if (!line.includes("CTRL-EVENT-EAP-SUCCESS") && (before || !client.progress.authenticated)) return;
      client.authenticatedAt = Date.now();
      if (!before && client.progress.authenticated) this.#onLetIn(card);
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

  /** What is secret has no name in the folder any more when the program reads it. */
  async #spawn(card: string, shown: PortAuthentication): Promise<ChildProcess> {
    await mkdir(this.#control, { recursive: true, mode: 0o700 });
    const { identity, certificate, key, chain } = shown;
    const texts: Readonly<Record<number, string>> = {
      [files.config]: wiredConfig(identity, this.#control),
      [files.key]: key,
      [files.certificate]: [certificate, ...chain].join("\n"),
      [files.roots]: chain.join("\n"),
    };
    const opened = await Promise.all(
      Object.values(files).map(async (number) => {
        const name = join(this.#folder, `${card}.wired${number}`);
        await rm(name, { force: true });
        const file = await open(name, "wx+", 0o600);
        await rm(name);
        await file.writeFile(texts[number] ?? "");
        return file;
      }),
    );
    try {
      const args = ["wpa_supplicant", "-D", "wired", "-i", card, "-c", `/proc/self/fd/${files.config}`];
      return spawn("setpriv", ["--pdeathsig", "TERM", ...args], {
        stdio: ["ignore", "pipe", "pipe", ...opened.map(({ fd }) => fd)],
      });
    } finally {
      await Promise.all(opened.map((file) => file.close()));
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
