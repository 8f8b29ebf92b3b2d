/** `selvedge os` as a program, and what a box says on its serial line. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/main.ts");

/** Runs it to its end; throws with what it said when it fails. */
export async function os(...args: readonly string[]): Promise<string> {
  const box = new BoxProcess(args);
  const code = await box.ended;
  if (code !== 0) throw new Error(`os ${args.join(" ")} ended with ${code}:\n${box.said.slice(-4000)}`);
  return box.said;
}

export class BoxProcess implements AsyncDisposable {
  said = "";
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;
  #listeners: (() => void)[] = [];

  constructor(args: readonly string[]) {
    this.#process = spawn(process.execPath, [main, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
        for (const listener of this.#listeners.splice(0)) listener();
      });
    this.ended = once(this.#process, "close").then(([code]) => (code as number | null) ?? 1);
    void this.ended.then(() => {
      for (const listener of this.#listeners.splice(0)) listener();
    });
  }

  /** Resolves with the place behind what was said, looking from there on; rejects when the program ends before. */
  async hears(what: RegExp, from = 0): Promise<number> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    for (;;) {
      const found = what.exec(this.said.slice(from));
      if (found !== null) return from + found.index + found[0].length;
      if (over) throw new Error(`it ended, and never said ${what}:\n${this.said.slice(-4000)}`);
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** As Ctrl-C: presses the box's button. */
  press(): void {
    this.#process.kill("SIGINT");
  }

  /** Twice: whatever it does, it goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    this.#process.kill("SIGINT");
    await this.ended;
  }
}
