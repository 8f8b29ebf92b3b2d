/** Somebody's SCEP server, of the same library as EVE's client. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export class PillarAuthority implements AsyncDisposable {
  readonly url: string;
  /** PEM. */
  readonly certificate: string;
  readonly #process: ChildProcess;

  private constructor(url: string, certificate: string, process: ChildProcess) {
    this.url = url;
    this.certificate = certificate;
    this.#process = process;
  }

  /** It gives certificates to whom knows the challenge. */
  static async start(program: string, challenge: string): Promise<PillarAuthority> {
    const child = spawn(program, ["authority", challenge], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const { detail } = JSON.parse(line) as { detail: { url: string; certificate: string } };
    return new PillarAuthority(detail.url, detail.certificate, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await gone;
  }
}
