import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ClusterAccess } from "@selvedge/client";

/** A server with nothing between HTTPS and the store (main-plain.ts), in a process of its own. */
export class PlainServer implements AsyncDisposable {
  readonly access: ClusterAccess;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, access: ClusterAccess) {
    this.#child = child;
    this.access = access;
  }

  static async start(path: string, url: string | undefined): Promise<PlainServer> {
    const words = [join(import.meta.dirname, "main-plain.ts"), path, ...(url === undefined ? [] : [url])];
    const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const ended = once(child, "exit").then(() => {
      throw new Error("the plain server ended before it listened");
    });
    const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
    return new PlainServer(child, JSON.parse(line) as ClusterAccess);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, "exit");
  }
}
