/** Adam, LF Edge's own small EVE controller, as something to measure beside ours. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { MemoryPkiFiles, Pki } from "@selvedge/controller";
import { checkout } from "../real/local-system.ts";
import { waitFor } from "../real/wait.ts";

const program = join(checkout, ".cache", "adam", "adam");
const host = "127.0.0.1";

/** Why there is no Adam to measure; undefined when there is one. */
export function adamMissing(): string | undefined {
  return existsSync(program) ? undefined : `no ${program}: tests/interop/adam.test.ts builds it where Go is`;
}

export class AdamServer implements AsyncDisposable {
  readonly port: number;
  readonly root: string;
  readonly #folder: string;
  readonly #words: readonly string[];
  #child: ChildProcess | undefined;
  #agent: Agent;

  private constructor(port: number, root: string, folder: string, words: readonly string[]) {
    this.port = port;
    this.root = root;
    this.#folder = folder;
    this.#words = words;
    this.#agent = this.#newAgent();
  }

  static async start(port: number): Promise<AdamServer> {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-bench-adam-"));
    const file = (name: string): string => join(folder, name);
    const files = new MemoryPkiFiles();
    const clock = new SystemClock();
    const log = new Log("bench", clock, silentSink);
    const names = { kubeNames: [host], deviceNames: [host] };
    using pki = await Pki.open({ files, ...names, clock, random: new SystemRandom(), log });
    const [signing = "", agreement = ""] = ["signing.pem", "encryption.pem"].map((name) => files.read(name));
    const texts = {
      "server.pem": pki.deviceServer.cert,
      "server-key.pem": pki.deviceServer.key,
      ...{ "signing.pem": signing, "signing-key.pem": keyOf(signing) },
      ...{ "encrypt.pem": agreement, "encrypt-key.pem": keyOf(agreement) },
    };
    for (const [name, text] of Object.entries(texts)) await writeFile(file(name), text);
    const pair = (flag: string, name: string): string[] => [
      ...[`--${flag}-cert`, file(`${name}.pem`), `--${flag}-key`, file(`${name}-key.pem`)],
    ];
    const words = [
      ...["server", "--ip", host, "--port", `${port}`, "--db-url", file("db"), "--conf-dir", file("conf")],
      ...[...pair("server", "server"), ...pair("signing", "signing"), ...pair("encrypt", "encrypt")],
    ];
    const adam = new AdamServer(port, pki.rootCertificate, folder, words);
    await adam.#spawn();
    return adam;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts it again after something was done to its folder of devices. */
  async restart(change: (devices: string) => Promise<void>): Promise<void> {
    await this.#stop();
    await change(join(this.#folder, "db", "device"));
    this.#agent = this.#newAgent();
    await this.#spawn();
  }

  /** Takes every serial of this batch. */
  async onboard(certificatePem: string): Promise<void> {
    const body = JSON.stringify({ Cert: Buffer.from(certificatePem).toString("base64"), Serial: "*" });
    await this.send("POST", "/admin/onboard", body, "application/json");
  }

  async configure(device: string, config: Uint8Array): Promise<void> {
    await this.send("PUT", `/admin/device/${device}/config`, config, "application/x-proto-binary");
  }

  send(method: string, path: string, body: string | Uint8Array, type?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = type === undefined ? {} : { "content-type": type };
      const options = { host, port: this.port, method, path, headers, agent: this.#agent };
      const outgoing = request(options, (incoming) => {
        incoming.resume().on("end", () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on("error", reject).end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #newAgent(): Agent {
    return new Agent({ ca: this.root, keepAlive: true, maxSockets: 8 });
  }

  async #spawn(): Promise<void> {
    this.#child = spawn(program, this.#words, { stdio: "ignore" });
    const answers = async (): Promise<true | undefined> =>
      (await this.send("GET", "/probe", "").catch(() => 0)) === 200 || undefined;
    await waitFor("Adam to answer", answers);
  }

  async #stop(): Promise<void> {
    this.#agent.destroy();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

function keyOf(text: string): string {
  return `${/-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----/.exec(text)?.[0] ?? ""}\n`;
}
