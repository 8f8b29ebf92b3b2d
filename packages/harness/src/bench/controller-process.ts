/** One controller in a process of its own, so that what drives it does not share its processor time. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessOf, type ClusterAccess } from "@selvedge/client";
import { parse } from "yaml";
import { KubeClient } from "../real/kube-client.ts";
import { checkout } from "../real/local-system.ts";
import { waitFor } from "../real/wait.ts";
import type { PollTarget } from "../wire/poll-connection.ts";

export const controllerMain: string = join(checkout, "packages", "controller", "src", "main.ts");

export class ControllerProcess implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #lines: string[];

  private constructor(folder: string, child: ChildProcess, lines: string[]) {
    this.folder = folder;
    this.#child = child;
    this.#lines = lines;
  }

  /** `prepare` fills its folder beforehand, and says with which further arguments it is started. */
  static async start(
    prepare: (folder: string) => Promise<readonly string[]> = async () => [],
  ): Promise<ControllerProcess> {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-bench-"));
    const more = await prepare(folder);
    const listen = ["--kube-listen", "127.0.0.1:0", "--device-listen", "127.0.0.1:0"];
    // What is measured is how much there can be, also of one node.
    const any = ["--node-rate", "0"];
    const child = spawn(process.execPath, [controllerMain, "--data", folder, ...any, ...listen, ...more], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      lines.push(...text.split("\n").filter(Boolean));
      if (lines.length > linesMax) lines.splice(0, lines.length - linesMax);
    });
    const controller = new ControllerProcess(folder, child, lines);
    try {
      await waitFor("the controller to listen", async () => controller.#listening());
      return controller;
    } catch (error) {
      await controller[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Host and port of the node API. */
  get deviceAddress(): string {
    return this.#listening()?.device ?? "";
  }

  /** What nodes dial, and by which root they know it. */
  async deviceTarget(): Promise<PollTarget> {
    const [host = "", port = ""] = this.deviceAddress.split(/:(?=\d+$)/);
    using client = await this.client();
    return { host, port: Number(port), ca: client.ca };
  }

  async client(): Promise<KubeClient> {
    return new KubeClient(await this.access());
  }

  /** Where the Kubernetes API is, and as whom. */
  async access(): Promise<ClusterAccess> {
    const path = join(this.folder, "kubeconfig");
    return accessOf(parse(await readFile(path, "utf8")), path);
  }

  #listening(): { readonly device: string } | undefined {
    if (this.#child.exitCode !== null) throw new Error(`the controller ended:\n${this.#lines.join("\n")}`);
    const line = this.#lines.find((text) => text.includes('"message":"listening"'));
    return line === undefined ? undefined : (JSON.parse(line) as { device: string });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Of its log: enough to explain a start that failed. */
const linesMax = 200;
