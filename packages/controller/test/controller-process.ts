/** The controller as its own process on ports of its own, for tests that need everything to be real. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/main.ts");

export class ControllerProcess implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "selvedge-controller-"));
  readonly log: string[] = [];
  kubePort = 0;
  devicePort = 0;
  #child: ChildProcess | undefined;

  get kubeconfig(): string {
    return join(this.folder, "kubeconfig");
  }

  /** The root that nodes are given. */
  get rootCertificate(): string {
    const data = /certificate-authority-data: (\S+)/.exec(readFileSync(this.kubeconfig, "utf8"))?.[1] ?? "";
    return Buffer.from(data, "base64").toString();
  }

  /** Starts it, again on the ports it had, and resolves when it listens. */
  async start(more: readonly string[] = []): Promise<void> {
    const ports = [
      ...["--kube-listen", `127.0.0.1:${this.kubePort}`],
      ...["--device-listen", `127.0.0.1:${this.devicePort}`],
    ];
    const child = spawn(process.execPath, [main, "--data", this.folder, ...ports, ...more], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    this.log.length = 0;
    const listening = Promise.withResolvers<void>();
    // Not when it exits: what it said last may still be on its way.
    child.once("close", (code) => listening.reject(new Error(`ended with ${code}:\n${this.log.join("")}`)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log.push(text);
      const line = /"message":"listening","kube":"127.0.0.1:(\d+)","device":"127.0.0.1:(\d+)"/.exec(
        this.log.join(""),
      );
      if (line === null) return;
      this.kubePort = Number(line[1]);
      this.devicePort = Number(line[2]);
      listening.resolve();
    });
    await listening.promise;
  }

  /** Ends it with a signal and resolves with its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = once(child, "close") as Promise<[number | null]>;
    child.kill(signal);
    return (await ended)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
