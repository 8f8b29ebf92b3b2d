/**
 * An API server with all kinds and everything that decides who may use it, on a port of its own; callers come
 * with certificates and tokens over connections that they keep.
 */
import { type ClientHttp2Session, connect } from "node:http2";
// Its decorators need it, whoever is loaded first.
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import type { KubeObject } from "@selvedge/apimachinery";
import { ApiServer, type ApiServerOptions, ObjectRegistry, SqliteStore } from "@selvedge/apiserver";
import { Log, SeededRandom, type SystemClock } from "@selvedge/base";
import { allKinds } from "@selvedge/kinds";
import { createAccessControl } from "../src/access/access-control.ts";
import { accessReconcilers } from "../src/access/access-reconcilers.ts";
import { InProcessObjects } from "../src/in-process-objects.ts";
import { type Caches, cachesOf, createCluster } from "../src/objects/caches.ts";
import { Pki } from "../src/pki/pki.ts";
import { MemoryPkiFiles } from "../src/pki/pki-files.ts";
import { ReconcilerHost } from "../src/reconciler-host.ts";
import { ensureStandardObjects } from "../src/standard-objects.ts";

export interface Caller {
  readonly token?: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export const issuer = "https://kubernetes.default.svc";

export class AccessWorld implements AsyncDisposable {
  readonly registry: ObjectRegistry;
  readonly objects: InProcessObjects;
  readonly caches: Caches;
  readonly pki: Pki;
  port = 0;
  readonly #stack = new AsyncDisposableStack();
  readonly #sessions = new Map<string, ClientHttp2Session>();

  private constructor(registry: ObjectRegistry, caches: Caches, pki: Pki) {
    this.registry = registry;
    this.objects = new InProcessObjects(registry);
    this.caches = caches;
    this.pki = pki;
  }

  static async start(clock: SystemClock, more: Partial<ApiServerOptions> = {}): Promise<AccessWorld> {
    const random = new SeededRandom(1);
    const log = new Log("test", clock, () => undefined);
    await using stack = new AsyncDisposableStack();
    const store = stack.adopt(new SqliteStore(":memory:"), (one) => one.close());
    const registry = new ObjectRegistry(allKinds, store, clock, random);
    const objects = new InProcessObjects(registry);
    const cluster = stack.use(createCluster({ objects, clock, random, log }));
    const caches = cachesOf(cluster);
    const names = { kubeNames: ["127.0.0.1"], deviceNames: ["127.0.0.1"] };
    const pki = stack.use(await Pki.open({ files: new MemoryPkiFiles(), ...names, clock, random, log }));
    const access = stack.use(createAccessControl({ registry, pki, issuer, clock, random, log }));
    const host = stack.use(new ReconcilerHost({ cluster, clock, random, log }));
    const server = stack.adopt(
      new ApiServer({
        ...{ objects: registry, clock, log, random, tls: { ...pki.kubeServer, ca: pki.clientAuthority } },
        authorizer: access.authorizer,
        authenticators: access.authenticators,
        serviceAccounts: access.serviceAccounts,
        ...more,
      }),
      (one) => one.close(),
    );
    await ensureStandardObjects(objects);
    await access.start();
    await cluster.start();
    await host.start(accessReconcilers({ cluster, caches, registry, pki, clock, random, log }));
    const world = new AccessWorld(registry, caches, pki);
    world.port = await server.listen(0, "127.0.0.1");
    world.#stack.use(stack.move());
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) session.destroy();
    await this.#stack.disposeAsync();
  }

  /** A certificate for somebody, signed as an approved request is. */
  async certify(commonName: string, ...organizations: string[]): Promise<NonNullable<Caller["certificate"]>> {
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const name = [...organizations.map((one) => ({ O: [one] })), { CN: [commonName] }];
    const request = await Pkcs10CertificateRequestGenerator.create({
      ...{ name, keys, signingAlgorithm: algorithm },
    });
    const cert = await this.pki.signClient(request, true, 3600);
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    return { cert, key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
  }

  /** Makes an object as the controller itself does. */
  async make(plural: string, object: Partial<KubeObject>): Promise<KubeObject> {
    const kind = allKinds.find((one) => one.plural === plural);
    if (kind === undefined) throw new Error(`${plural} are not served`);
    return await this.registry.create(kind, object as KubeObject);
  }

  /** Waits until it is so: what acts on objects does it in its own time. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (await isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("it has not come to be so");
  }

  async send(caller: Caller, ask: Ask): Promise<Answer> {
    const { status, headers, response } = await this.raw(caller, ask);
    const isJson = String(headers["content-type"] ?? "").includes("json") && response !== "";
    return { status, headers, json: isJson ? JSON.parse(response) : response };
  }

  /** The answer as text; that of a watch which is allowed is empty, as it has no end. */
  async raw(
    caller: Caller,
    { method, path, body, headers = {} }: Ask,
  ): Promise<Omit<Answer, "json"> & { readonly response: string }> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const stream = this.#session(caller).request(
      {
        ...{ ":method": method, ":path": path, "content-type": "application/json" },
        ...(caller.token && { authorization: `Bearer ${caller.token}` }),
        ...caller.headers,
        ...headers,
      },
      { endStream: text === undefined },
    );
    if (text !== undefined) stream.end(text);
    const head = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once("response", (answered) => resolve(answered));
      stream.once("error", reject);
    });
    const status = Number(head[":status"]);
    if (status === 200 && new URL(path, "https://x").searchParams.has("watch")) {
      stream.close();
      return { status, headers: head, response: "" };
    }
    let response = "";
    stream.setEncoding("utf8");
    for await (const part of stream) response += part;
    return { status, headers: head, response };
  }

  #session({ certificate }: Caller): ClientHttp2Session {
    const key = certificate?.cert ?? "";
    let session = this.#sessions.get(key);
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(`https://127.0.0.1:${this.port}`, { rejectUnauthorized: false, ...certificate });
      this.#sessions.set(key, session);
    }
    return session;
  }
}
