/**
 * A server with all the kinds we serve, on a port of its own, and the ways in: kubectl and plain requests.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KindDefinition } from "@selvedge/apimachinery";
import { Log, MetricRegistry, SeededRandom, SystemClock, silentSink, uuid } from "@selvedge/base";
import {
  allKinds,
  mutatingWebhookKind,
  validatingAdmissionPolicyBindingKind,
  validatingAdmissionPolicyKind,
  validatingWebhookKind,
} from "@selvedge/kinds";
import {
  ApiServer,
  type ApiServerOptions,
  CustomResources,
  type DialService,
  defaultAuthorizer,
  hashedTokens,
  ObjectRegistry,
  PolicyAdmission,
  SqliteStore,
  type Store,
  WebhookAdmission,
} from "../src/index.ts";

const run = promisify(execFile);

export const gadget: KindDefinition = {
  group: "lab.example",
  version: "v1",
  kind: "Gadget",
  plural: "gadgets",
  singular: "gadget",
  namespaced: true,
  custom: true,
  columns: [],
  selectableFields: ["spec.size"],
  subresources: { status: true, scale: { specReplicas: "spec.size", statusReplicas: "status.size" } },
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        description: "What is wanted.",
        properties: {
          size: { type: "integer", minimum: 0, description: "How large." },
          parts: {
            type: "array",
            items: {
              type: "object",
              required: ["name"],
              properties: { name: { type: "string" }, color: { type: "string", default: "grey" } },
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
          },
        },
      },
      status: {
        type: "object",
        properties: {
          size: { type: "integer" },
          conditions: {
            type: "array",
            items: {
              type: "object",
              properties: { type: { type: "string" }, status: { type: "string" } },
            },
          },
        },
      },
    },
  },
};

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly token?: string;
}

/** Certificates come from openssl; false when it is there. */
export function opensslMissing(): string | false {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "openssl is needed to make certificates";
  }
}

export class ApiWorld {
  readonly folder: string = mkdtempSync(join(tmpdir(), "selvedge-api-"));
  readonly clock: SystemClock = new SystemClock();
  readonly store: Store;
  readonly objects: ObjectRegistry;
  readonly metrics: MetricRegistry = new MetricRegistry();
  readonly #custom: CustomResources;
  readonly #policies: PolicyAdmission;
  readonly #webhooks: WebhookAdmission;
  readonly #server: ApiServer;
  #port = 0;

  /**
   * `logMax`: how many changes a watch or a list may look back; what a store has by itself when not said. `store`: in
   * place of a file of its own; it is closed like one.
   */
  constructor({
    logMax,
    store,
    subresource,
    dial,
    audit,
    computed,
    authorizer,
  }: {
    readonly logMax?: number;
    readonly store?: Store;
    readonly dial?: DialService;
  } & Pick<ApiServerOptions, "subresource" | "audit" | "computed" | "authorizer"> = {}) {
    this.store = store ?? new SqliteStore(join(this.folder, "store.db"), "", logMax);
    this.objects = new ObjectRegistry([...allKinds, gadget], this.store, this.clock, new SeededRandom(1));
    const log = new Log("test", this.clock, silentSink);
    this.#custom = new CustomResources({ objects: this.objects, store: this.store, clock: this.clock, log });
    this.#policies = new PolicyAdmission({
      ...{ objects: this.objects, clock: this.clock, log, metrics: this.metrics },
      authorizer: () => defaultAuthorizer,
      kinds: { policy: validatingAdmissionPolicyKind, binding: validatingAdmissionPolicyBindingKind },
    });
    const ids = new SeededRandom(3);
    this.#webhooks = new WebhookAdmission({
      ...{ objects: this.objects, clock: this.clock, log, metrics: this.metrics },
      kinds: { mutating: mutatingWebhookKind, validating: validatingWebhookKind },
      ...{ uid: () => uuid(ids), authorizer: () => defaultAuthorizer, ...(dial && { dial }) },
    });
    this.#server = new ApiServer({
      ...{ objects: this.objects, clock: this.clock, random: new SeededRandom(2) },
      ...{
        ...(subresource && { subresource }),
        ...(audit && { audit }),
        ...(computed && { computed }),
        ...(authorizer && { authorizer }),
        metrics: this.metrics,
      },
      log,
      tls: this.#certificates(),
      tokens: hashedTokens({
        root: { name: "root", groups: ["system:masters"] },
        bob: { name: "bob", groups: ["dev"] },
      }),
    });
  }

  async start(): Promise<this> {
    await this.#custom.start();
    await this.#policies.start();
    await this.#webhooks.start();
    this.#port = await this.#server.listen(0, "127.0.0.1");
    for (const name of ["default", "kube-system"]) {
      const namespaces = allKinds.find((kind) => kind.plural === "namespaces");
      if (namespaces === undefined) throw new Error("namespaces are not served");
      await this.objects.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    this.#policies[Symbol.dispose]();
    this.#webhooks[Symbol.dispose]();
    await this.#custom[Symbol.asyncDispose]();
    await this.objects.evaluations[Symbol.asyncDispose]();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  kind(plural: string): KindDefinition {
    const found = this.objects.kinds.find((kind) => kind.plural === plural);
    if (found === undefined) throw new Error(`${plural} are not served`);
    return found;
  }

  file(name: string, content: unknown): string {
    const path = join(this.folder, name);
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  }

  /** Runs kubectl to its end, whatever that is. */
  async kubectl(binary: string, words: readonly string[], token = "root"): Promise<Said> {
    try {
      const { stdout, stderr } = await run(binary, this.#words(binary, words, token), this.#options());
      return { code: 0, out: stdout, err: stderr };
    } catch (error) {
      const {
        code,
        stdout = "",
        stderr = "",
      } = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== "number") throw error;
      return { code, out: stdout, err: stderr };
    }
  }

  /** Starts kubectl and yields its lines as they come. */
  async *lines(binary: string, words: readonly string[]): AsyncGenerator<string> {
    const child = spawn(binary, this.#words(binary, words, "root"), this.#options());
    try {
      let text = "";
      for await (const part of child.stdout) {
        text += part;
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        yield* lines;
      }
    } finally {
      child.kill("SIGKILL");
    }
  }

  async send(path: string, options: RequestOptions = {}): Promise<Reply> {
    const opened = Promise.withResolvers<IncomingMessage>();
    const outgoing = this.open(path, options, (response) => opened.resolve(response));
    outgoing.on("error", (error) => opened.reject(error));
    const response = await opened.promise;
    let text = "";
    response.setEncoding("utf8");
    for await (const part of response) text += part;
    const isJson = (response.headers["content-type"] ?? "").includes("json") && text !== "";
    const json = isJson ? JSON.parse(text) : undefined;
    return { status: response.statusCode ?? 0, headers: response.headers, text, json };
  }

  /** The lines of an answer that does not end by itself. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  async *events(path: string, headers: Readonly<Record<string, string>> = {}): AsyncGenerator<any> {
    const opened = Promise.withResolvers<IncomingMessage>();
    const outgoing = this.open(path, { headers }, (response) => opened.resolve(response));
    outgoing.on("error", (error) => opened.reject(error));
    const response = await opened.promise;
    try {
      let text = "";
      response.setEncoding("utf8");
      for await (const part of response) {
        text += part;
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line);
      }
    } finally {
      outgoing.destroy();
    }
  }

  open(
    path: string,
    { method = "GET", headers = {}, body, token = "root" }: RequestOptions,
    answered: (response: IncomingMessage) => void,
  ): ReturnType<typeof request> {
    const outgoing = request(
      {
        ...{ host: "127.0.0.1", port: this.#port, path, method, rejectUnauthorized: false, agent: false },
        headers: {
          ...(token && { authorization: `Bearer ${token}` }),
          // Without it a DELETE's body would have no end.
          ...(body === undefined ? {} : { "content-length": `${Buffer.byteLength(body)}` }),
          ...headers,
        },
      },
      answered,
    );
    outgoing.end(body);
    return outgoing;
  }

  get port(): number {
    return this.#port;
  }

  #words(binary: string, words: readonly string[], token: string): string[] {
    const cache = join(this.folder, `cache-${createHash("sha256").update(binary).digest("hex").slice(0, 8)}`);
    mkdirSync(cache, { recursive: true });
    const access = [
      "--kubeconfig=/dev/null",
      `--server=https://127.0.0.1:${this.#port}`,
      `--cache-dir=${cache}`,
    ];
    return [...access, "--insecure-skip-tls-verify", `--token=${token}`, ...words];
  }

  #options(): { readonly env: NodeJS.ProcessEnv; readonly timeout: number } {
    return { env: { ...process.env, HOME: this.folder }, timeout: 60_000 };
  }

  #certificates(): { key: Buffer; cert: Buffer } {
    const [key, cert] = [join(this.folder, "key.pem"), join(this.folder, "cert.pem")];
    const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -days 2";
    execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  }
}
