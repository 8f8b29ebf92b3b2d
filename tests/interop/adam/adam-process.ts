/**
 * Adam as a process, and what its administrator does: onboarding, configurations, reading what boxes sent.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { Agent, type RequestOptions, request } from "node:https";
import { join } from "node:path";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { instant, SystemRandom } from "@selvedge/base";
import { info, logs, metrics } from "@selvedge/eve-api";
import { issue, type Pair, type Purpose } from "../../../packages/controller/src/pki/issue.ts";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";
import { AdamStream } from "./adam-stream.ts";

const random = new SystemRandom();
const answerMs = 30_000;
/** What a box adds of its own is nothing to Adam, and its schema may be older than ours. */
const lenient = { ignoreUnknownFields: true };

/** A certificate of a test's life, under `issuer` or its own. */
export async function certify(name: string, purpose: Purpose, issuer?: Pair): Promise<Pair> {
  return await issue({
    ...{ subject: `CN=${name}, O=Selvedge test`, purpose, days: 30, issuer },
    ...{ now: instant(Date.now()), random },
  });
}

/** What Adam speaks with to boxes; it reads the files anew for each answer. */
export interface AdamKeys {
  readonly signing: Pair;
  readonly agreement: Pair;
}

export interface DeviceOptions {
  readonly nonce: string;
  readonly integrityToken: string;
  readonly attested: boolean;
}

export class Adam implements AsyncDisposable {
  readonly root: Pair;
  readonly host: string;
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #agent: Agent;
  readonly #streams: Disposable[] = [];

  private constructor(root: Pair, host: string, port: number, folder: string, process: ChildProcess) {
    this.root = root;
    this.host = host;
    this.port = port;
    this.#folder = folder;
    this.#process = process;
    this.#agent = new Agent({ ca: root.certificatePem, keepAlive: true });
  }

  static async start(program: string, folder: string, host: string, port: number): Promise<Adam> {
    await mkdir(folder, { recursive: true });
    const root = await certify("root", { type: "authority", depth: 1 });
    const server = await certify("Adam", { type: "server", names: [host] }, root);
    await writeFile(join(folder, "server.pem"), server.certificatePem);
    await writeFile(join(folder, "server-key.pem"), server.keyPem);
    await writeKeys(folder, await makeKeys(root));
    const file = (name: string): string => join(folder, name);
    const child = spawn(
      program,
      [
        ...[
          "server",
          "--ip",
          host,
          "--port",
          String(port),
          "--db-url",
          file("db"),
          "--conf-dir",
          file("conf"),
        ],
        ...["--server-cert", file("server.pem"), "--server-key", file("server-key.pem")],
        ...["--signing-cert", file("signing.pem"), "--signing-key", file("signing-key.pem")],
        ...["--encrypt-cert", file("encrypt.pem"), "--encrypt-key", file("encrypt-key.pem")],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const log = createWriteStream(file("adam.log"));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const adam = new Adam(root, host, port, folder, child);
    await waitFor("Adam to answer", async () =>
      (await adam.#send("GET", "/probe")).status === 200 ? adam : undefined,
    );
    return adam;
  }

  async onboard(certificatePem: string, serial: string): Promise<void> {
    const body = { Cert: Buffer.from(certificatePem).toString("base64"), Serial: serial };
    await this.#must("POST", "/admin/onboard", JSON.stringify(body), "application/json");
  }

  async devices(): Promise<readonly string[]> {
    return (await this.#must("GET", "/admin/device")).split("\n").filter((line) => line !== "");
  }

  /** The certificates that a box uploaded, as Go writes them. */
  async certificates(device: string): Promise<readonly { readonly type: number; readonly cert: string }[]> {
    const { certs } = JSON.parse(await this.#must("GET", `/admin/device/${device}/certs`)) as {
      certs: { type: number; cert: string }[];
    };
    return certs;
  }

  async configure(device: string, config: Uint8Array): Promise<void> {
    await this.#must("PUT", `/admin/device/${device}/config`, config, "application/x-proto-binary");
  }

  /** The token that configurations are given out for becomes void. */
  async forgetToken(device: string): Promise<void> {
    const options = { ...(await this.options(device)), integrityToken: "" };
    await this.#must("PUT", `/admin/device/${device}/options`, JSON.stringify(options), "application/json");
  }

  /** Boxes of this version must have measured this; undefined: whatever they measured is good. */
  async demand(version: string, register: string | undefined): Promise<void> {
    const options = {
      enforceTemplateAttestation: register !== undefined,
      PCRTemplates: [{ eveVersion: version, PCRValues: [{ index: 0, value: register }] }],
    };
    await this.#must("PUT", "/admin/options", JSON.stringify(options), "application/json");
  }

  /** What Adam knows of the box's attestation. */
  async options(device: string): Promise<DeviceOptions> {
    return JSON.parse(await this.#must("GET", `/admin/device/${device}/options`)) as DeviceOptions;
  }

  /** Other keys than before, of the kinds named. */
  async rotate(...kinds: readonly (keyof AdamKeys)[]): Promise<AdamKeys> {
    const keys = await makeKeys(this.root);
    await writeKeys(this.#folder, keys, kinds);
    return keys;
  }

  /** The state of its things as the box tells it from now on. */
  async info(device: string): Promise<AdamStream<info.ZInfoMsg>> {
    return await this.#follow(`${device}/info`, (json) => fromJson(info.ZInfoMsgSchema, json, lenient));
  }

  async metrics(device: string): Promise<AdamStream<metrics.ZMetricMsg>> {
    return await this.#follow(`${device}/metrics`, (json) =>
      fromJson(metrics.ZMetricMsgSchema, json, lenient),
    );
  }

  /** Of the box itself, or of an app on it. */
  async logs(device: string, app?: string): Promise<AdamStream<logs.LogEntry>> {
    const path = app === undefined ? `${device}/logs` : `${device}/app/${app}/logs`;
    return await this.#follow(path, (json) => fromJson(logs.LogEntrySchema, json, lenient));
  }

  /** Paths that the box asks for. */
  async requests(device: string): Promise<AdamStream<string>> {
    return await this.#follow(`${device}/requests`, (json) => String((json as { url?: unknown }).url));
  }

  async log(): Promise<string> {
    const text = await readFile(join(this.#folder, "adam.log"), "utf8");
    return text.split("\n").slice(-60).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream[Symbol.dispose]();
    this.#agent.destroy();
    if (this.#process.exitCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await gone;
  }

  async #follow<T>(path: string, parse: (json: JsonValue) => T): Promise<AdamStream<T>> {
    const url = `https://${this.host}:${this.port}/admin/device/${path}`;
    const stream = await AdamStream.open(url, this.root.certificatePem, parse);
    this.#streams.push(stream);
    return stream;
  }

  async #must(method: string, path: string, body?: string | Uint8Array, type?: string): Promise<string> {
    const { status, text } = await this.#send(method, path, body, type);
    if (status >= 300)
      throw new Error(`Adam answers ${method} ${path} with ${status}: ${text.slice(0, 300)}`);
    return text;
  }

  #send(
    method: string,
    path: string,
    body?: string | Uint8Array,
    type?: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const options: RequestOptions = {
        ...{ method, agent: this.#agent, timeout: answerMs },
        headers: type === undefined ? {} : { "content-type": type },
      };
      const outgoing = request(`https://${this.host}:${this.port}${path}`, options, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
        );
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`Adam does not answer ${method} ${path}`)));
      outgoing.on("error", reject).end(body);
    });
  }
}

async function makeKeys(root: Pair): Promise<AdamKeys> {
  return {
    signing: await certify("Adam signs", { type: "signing" }, root),
    agreement: await certify("Adam agrees", { type: "agreement" }, root),
  };
}

async function writeKeys(
  folder: string,
  keys: AdamKeys,
  kinds: readonly (keyof AdamKeys)[] = ["signing", "agreement"],
): Promise<void> {
  for (const kind of kinds) {
    const name = kind === "signing" ? "signing" : "encrypt";
    // Renamed into place: Adam may read while we write.
    for (const [suffix, text] of [
      ["-key.pem", keys[kind].keyPem],
      [".pem", keys[kind].certificatePem],
    ] as const) {
      const path = join(folder, `${name}${suffix}`);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
  }
}
