/** A stock kubectl with one system's kubeconfig. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { type LocalSystem, type Ran, run } from "../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";

export interface KubectlOptions {
  /** What commands mean that name no namespace. */
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class KubectlSession {
  readonly #binary: string;
  readonly #system: LocalSystem;
  readonly #options: KubectlOptions;

  constructor(binary: string, system: LocalSystem, options: KubectlOptions = {}) {
    this.#binary = binary;
    this.#system = system;
    this.#options = options;
  }

  async run(...args: readonly string[]): Promise<Ran> {
    return await run(this.#binary, this.#args(args), this.#options.env);
  }

  /** Its output; it must succeed. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    assert.equal(code, 0, `kubectl ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** What it says of a command that must fail. */
  async refused(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    assert.notEqual(code, 0, `kubectl ${args.join(" ")} succeeded:\n${stdout}`);
    return stderr;
  }

  /** As a user at a terminal types it. */
  async inTerminal(...args: readonly string[]): Promise<Ran> {
    return await run("script", this.#terminal(args));
  }

  /** The same, for somebody who types: it runs on until it is disposed. */
  atTerminal(...args: readonly string[]): Following {
    return new Following("script", this.#terminal(args));
  }

  /** What goes in and comes out, as one; it ends with the program, and the program with it. */
  piped(...args: readonly string[]): Duplex {
    const child = spawn(this.#binary, this.#args(args), { stdio: ["pipe", "pipe", "inherit"] });
    // Its types know no pairs.
    const pair = { writable: child.stdin, readable: child.stdout } as unknown as AsyncIterable<Uint8Array>;
    const way = Duplex.from(pair);
    way.once("close", () => child.kill("SIGKILL"));
    return way;
  }

  /** Runs on until it is disposed; `until` waits for what it prints. */
  follow(...args: readonly string[]): Following {
    return new Following(this.#binary, this.#args(args));
  }

  #terminal(args: readonly string[]): string[] {
    const line = [this.#binary, ...this.#args(args)].map((word) => `'${word}'`).join(" ");
    return ["-qec", line, "/dev/null"];
  }

  #args(args: readonly string[]): string[] {
    const { namespace } = this.#options;
    const place = namespace === undefined ? [] : [`--namespace=${namespace}`];
    return [`--kubeconfig=${this.#system.kubeconfig}`, ...place, ...args];
  }
}

class Following implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  output = "";

  constructor(binary: string, args: readonly string[]) {
    this.#name = args.join(" ");
    this.#child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async until(pattern: RegExp, limitSeconds = 120): Promise<RegExpExecArray> {
    return await waitFor(
      `${pattern} from kubectl ${this.#name}`,
      async () => {
        const match = pattern.exec(this.output);
        if (match === null && this.#child.exitCode !== null) throw new Error(`it ended: ${this.output}`);
        return match ?? undefined;
      },
      limitSeconds,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}
