import { type ChildProcess, spawn } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Of what it said last, for the case that it gives up. */
const saidMax = 3;
/** To say goodbye to whoever let its card in; a port is not held up by one that hangs. */
const goodbyeMs = 5_000;

export interface SupplicantStart {
  /** Where its files are while they have names: ours alone. */
  readonly folder: string;
  readonly card: string;
  readonly driver: "nl80211" | "wired";
  /** Its configuration, then what that calls /proc/self/fd/4 and so on. */
  readonly files: readonly string[];
  readonly hear: (line: string) => void;
}

/** wpa_supplicant on one card. */
export class Supplicant {
  readonly #process: ChildProcess;
  #said: readonly string[] = [];
  #ended: string | undefined;

  private constructor(process: ChildProcess, hear: (line: string) => void) {
    this.#process = process;
    const heard = (line: string): void => {
      this.#said = [...this.#said, line].slice(-saidMax);
      hear(line);
    };
    for (const stream of [process.stdout, process.stderr])
      if (stream !== null) createInterface({ input: stream }).on("line", heard);
    process.once("error", (error) => {
      this.#ended = error.message;
    });
    process.once("close", (code) => {
      this.#ended ??= `wpa_supplicant ended (${code}): ${this.#said.join("; ")}`;
    });
  }

  /** What is secret has no name in the folder any more when the program reads it. */
  static async start({ folder, card, driver, files, hear }: SupplicantStart): Promise<Supplicant> {
    await using opened = new AsyncDisposableStack();
    const numbers: number[] = [];
    for (const [at, text] of files.entries()) {
      const name = join(folder, `${card}.${driver}${at}`);
      await rm(name, { force: true });
      const file = opened.use(await open(name, "wx+", 0o600));
      await rm(name);
      await file.writeFile(text);
      numbers.push(file.fd);
    }
    const args = ["wpa_supplicant", "-D", driver, "-i", card, "-c", "/proc/self/fd/3"];
    // Whoever ends us without a word ends it too: two of them on one card would take turns in ending the
    // other's connection.
    const words = ["--pdeathsig", "TERM", ...args];
    return new Supplicant(spawn("setpriv", words, { stdio: ["ignore", "pipe", "pipe", ...numbers] }), hear);
  }

  /** Why it ended, once it has. */
  get ended(): string | undefined {
    return this.#ended;
  }

  async end(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.kill("SIGTERM");
    const patience = setTimeout(() => this.#process.kill("SIGKILL"), goodbyeMs);
    await gone;
    clearTimeout(patience);
  }
}
