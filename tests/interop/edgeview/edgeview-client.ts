/** EVE's edge-view as whoever looks at a node runs it, in a root folder of its own: its paths are fixed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface EdgeviewClientOptions {
  readonly program: string;
  /** PEM: the dispatcher's. */
  readonly certificate: string;
  readonly token: string;
  /** PEM: whose commands are to be signed; not there: nobody's. */
  readonly key?: string;
}

export class EdgeviewClient implements AsyncDisposable {
  readonly #folder: string;
  readonly #token: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(folder: string, token: string) {
    this.#folder = folder;
    this.#token = token;
  }

  static async open({ program, certificate, token, key }: EdgeviewClientOptions): Promise<EdgeviewClient> {
    const folder = await mkdtemp(join(tmpdir(), "svec-"));
    for (const name of ["download", "persist/certs", "clientauth", "etc"])
      await mkdir(join(folder, name), { recursive: true });
    await copyFile(program, join(folder, "edge-view"));
    await chmod(join(folder, "edge-view"), 0o755);
    await writeFile(join(folder, "persist/certs/wss-server-cacert.pem"), certificate);
    if (key !== undefined) await writeFile(join(folder, "clientauth/privatekey"), key);
    return new EdgeviewClient(folder, token);
  }

  /** All that it prints for one query, without its colours. */
  async ask(...query: string[]): Promise<string> {
    const child = this.start(...query);
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (bytes: Buffer) => {
        text += bytes.toString();
      });
    await once(child, "close");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
    return text.replace(/\u001b\[[\d;]*[mK]/g, "");
  }

  start(...query: string[]): ChildProcess {
    const args = [this.#folder, "/edge-view", "-token", this.#token, ...query];
    const child = spawn("chroot", args, { stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
    this.#running.add(child);
    child.once("close", () => this.#running.delete(child));
    return child;
  }

  /** What it has fetched. */
  async fetched(name: string): Promise<Uint8Array> {
    return await readFile(join(this.#folder, "download", name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) child.kill("SIGKILL");
    await rm(this.#folder, { recursive: true });
  }
}
