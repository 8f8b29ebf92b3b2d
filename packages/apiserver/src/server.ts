import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { type Clock, type Log, seconds } from "@selvedge/base";
import type { DeleteQuery } from "./rest/delete-plan.ts";
import { discovery } from "./rest/discovery.ts";
import type { ObjectRegistry } from "./rest/object-registry.ts";
import { openapi } from "./rest/openapi.ts";
import type { PatchKind } from "./rest/patching.ts";
import { tableOf } from "./rest/table.ts";
import { parseTarget, type Target } from "./rest/target.ts";
import { StatusError } from "./status-error.ts";

/** Who asks, after authentication. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface ApiServerOptions {
  readonly objects: ObjectRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** Server certificate and key, and the CA client certificates must come from. */
  readonly tls: Pick<ServerOptions, "cert" | "key" | "ca">;
  /** Users by the SHA-256 of their bearer token, in hex. */
  readonly tokens?: ReadonlyMap<string, User>;
  /** Answers a request to a subresource other than status: exec, attach, portforward, log. Upgrades come with their
   * socket. Only authorized users get this far. */
  readonly subresource?: (
    target: Target,
    request: IncomingMessage,
    answer: Answer,
    user: User,
  ) => Promise<void>;
  /** Other services on the same port, such as a registry: true when it has taken the request, which it then
   * answers whole. `user` is undefined for strangers; their requests are refused by the service itself. */
  readonly elsewhere?: (
    request: IncomingMessage,
    response: ServerResponse,
    user: User | undefined,
  ) => boolean;
}

export type Answer =
  | { readonly type: "response"; readonly response: ServerResponse }
  | { readonly type: "upgrade"; readonly socket: Duplex; readonly head: Uint8Array };

/** Upstream's bound on a request's body. */
const bodyMax = 3 * 1024 * 1024;
const open = new Set(["/healthz", "/livez", "/readyz", "/version"]);
const patchKinds: Readonly<Record<string, PatchKind>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** Serves a registry over HTTPS as Kubernetes does. Whoever is in system:masters may do everything, nobody else
 * anything. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #documents: ReadonlyMap<string, unknown>;
  readonly #server: Server;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    const { kinds } = options.objects;
    this.#documents = new Map([...discovery(kinds), ...openapi(kinds)]);
    const tls = { ...options.tls, requestCert: true, rejectUnauthorized: false, requestTimeout: 0 };
    this.#server = createServer(tls, (request, response) => void this.#serve(request, response));
    this.#server.on("upgrade", (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  /** Listens and tells the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      const status = this.#refusal(error, request);
      if (response.headersSent)
        response.end(`${JSON.stringify({ type: "ERROR", object: status.toStatus() })}\n`);
      else send(response, status.code, status.toStatus());
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    try {
      const user = this.#admit(request);
      const target = parseTarget(
        this.#options.objects.kinds,
        new URL(request.url ?? "/", "https://server").pathname,
      );
      await this.#special(target, request, { type: "upgrade", socket, head }, user);
    } catch (error) {
      const status = this.#refusal(error, request);
      const body = JSON.stringify(status.toStatus());
      socket.end(
        `HTTP/1.1 ${status.code} ${status.reason}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }

  #refusal(error: unknown, request: IncomingMessage): StatusError {
    if (error instanceof StatusError) return error;
    this.#options.log.error("request failed", { method: request.method, url: request.url, error });
    return new StatusError(500, "InternalError", "Internal error occurred", undefined, { cause: error });
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#options.elsewhere?.(request, response, this.#userOf(request)) === true) return;
    const url = new URL(request.url ?? "/", "https://server");
    if (open.has(url.pathname)) return this.#about(url.pathname, response);
    const user = this.#admit(request);
    const document = this.#documents.get(url.pathname);
    if (document !== undefined) return send(response, 200, document);
    const target = parseTarget(this.#options.objects.kinds, url.pathname);
    if (target.subresource !== undefined && target.subresource !== "status") {
      return this.#special(target, request, { type: "response", response }, user);
    }
    if (request.method === "GET") return this.#read(target, url, request, response);
    const body = await bodyOf(request);
    const [code, answer] = await this.#write(target, url, request, body);
    send(response, code, answer);
  }

  async #special(target: Target, request: IncomingMessage, answer: Answer, user: User): Promise<void> {
    if (this.#options.subresource === undefined) throw notFound();
    await this.#options.subresource(target, request, answer, user);
  }

  #about(path: string, response: ServerResponse): void {
    if (path !== "/version") {
      response.end("ok");
      return;
    }
    send(response, 200, { major: "1", minor: "34", gitVersion: "v1.34.0+selvedge", platform: "linux/amd64" });
  }

  #admit(request: IncomingMessage): User {
    const user = this.#userOf(request);
    if (user === undefined) throw new StatusError(401, "Unauthorized", "Unauthorized");
    if (user.groups.includes("system:masters")) return user;
    throw new StatusError(403, "Forbidden", `forbidden: User "${user.name}" cannot use this server`);
  }

  #userOf(request: IncomingMessage): User | undefined {
    const socket = request.socket as TLSSocket;
    if (socket.authorized) {
      const { CN, O } = socket.getPeerCertificate().subject ?? {};
      const groups = O === undefined ? [] : Array.isArray(O) ? O : [O];
      if (typeof CN === "string") return { name: CN, groups };
    }
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    return this.#options.tokens?.get(createHash("sha256").update(token).digest("hex"));
  }

  async #read(target: Target, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { objects, clock } = this.#options;
    const { kind, name, namespace } = target;
    const asTable = /as=Table/.test(request.headers.accept ?? "");
    const view = (found: readonly KubeObject[], revision: string): unknown =>
      tableOf(kind, found, revision, clock.now());
    if (name !== undefined) {
      const object = await objects.get(kind, name, namespace);
      return send(response, 200, asTable ? view([object], object.metadata.resourceVersion ?? "") : object);
    }
    const query = {
      ...(namespace === undefined ? {} : { namespace }),
      labelSelector: url.searchParams.get("labelSelector") ?? "",
      fieldSelector: url.searchParams.get("fieldSelector") ?? "",
    };
    if (isTrue(url.searchParams.get("watch"))) {
      const stop = new AbortController();
      response.once("close", () => stop.abort());
      const resourceVersion = url.searchParams.get("resourceVersion") || "0";
      if (isTrue(url.searchParams.get("sendInitialEvents"))) {
        const message =
          "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        throw new StatusError(422, "Invalid", message);
      }
      const events = objects.watch(kind, { ...query, resourceVersion, signal: stop.signal });
      const shape = (event: WatchEvent): unknown =>
        asTable
          ? { type: event.type, object: view([event.object], event.object.metadata.resourceVersion ?? "") }
          : event;
      return stream(events, shape, response, Number(url.searchParams.get("timeoutSeconds")), clock);
    }
    const list = await objects.list(kind, query);
    send(response, 200, asTable ? view(list.items, list.metadata.resourceVersion) : list);
  }

  async #write(
    target: Target,
    url: URL,
    request: IncomingMessage,
    body: Record<string, unknown> | undefined,
  ): Promise<[code: number, answer: unknown]> {
    const { objects } = this.#options;
    const { kind, name, namespace, subresource } = target;
    const dryRun = url.searchParams.get("dryRun") === "All";
    const options = { dryRun, ...(subresource === undefined ? {} : { subresource }) };
    if (request.method === "POST" && name === undefined) {
      return [201, await objects.create(kind, placed(body, target), options)];
    }
    if (name === undefined) throw notAllowed();
    if (request.method === "PUT") return [200, await objects.update(kind, placed(body, target), options)];
    if (request.method === "PATCH") {
      const type = patchKinds[(request.headers["content-type"] ?? "").split(";")[0] ?? ""];
      if (type === undefined) throw unsupported();
      return [200, await objects.patch(kind, name, namespace, type, body, options)];
    }
    if (request.method !== "DELETE") throw notAllowed();
    const { uid } = (await objects.get(kind, name, namespace)).metadata;
    const asked = body ?? {};
    if (!dryRun && asked["dryRun"] === undefined) {
      await objects.delete(kind, name, namespace, asked as DeleteQuery);
    }
    const details = { name, group: kind.group, kind: kind.plural, uid };
    return [200, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details }];
  }
}

async function stream(
  events: AsyncIterable<WatchEvent>,
  shape: (event: WatchEvent) => unknown,
  response: ServerResponse,
  timeoutSeconds: number,
  clock: Clock,
): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  const span = seconds(timeoutSeconds > 0 ? timeoutSeconds : watchSeconds);
  const timer = clock.setTimer(span, () => response.end());
  try {
    for await (const event of events) {
      if (response.writableEnded || response.destroyed) break;
      if (response.write(`${JSON.stringify(shape(event))}\n`)) continue;
      await new Promise<void>((resolve) => {
        response.once("drain", resolve);
        response.once("close", resolve);
      });
    }
  } finally {
    timer.cancel();
  }
  response.end();
}

/** Watches end after this long unless asked otherwise, so that clients spread over replicas again. */
const watchSeconds = 1800;

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > bodyMax) {
      throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${bodyMax}`);
    }
    parts.push(part);
  }
  if (size === 0) return undefined;
  const type = request.headers["content-type"] ?? "application/json";
  if (!type.includes("json") && !type.includes("apply-patch")) throw unsupported();
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
  } catch (error) {
    throw new StatusError(400, "BadRequest", "the body is not JSON", undefined, { cause: error });
  }
}

/** The URL is the authority on where an object is; a body that says otherwise is refused. */
function placed(body: Record<string, unknown> | undefined, target: Target): KubeObject {
  const meta = { ...(body?.["metadata"] as KubeObject["metadata"] | undefined) };
  const { name, namespace } = target;
  if ((meta.namespace || namespace) !== namespace || (meta.name && name && meta.name !== name)) {
    const message = "the name or namespace of the object does not match the one on the URL";
    throw new StatusError(400, "BadRequest", message);
  }
  const metadata = {
    ...meta,
    ...(name && { name }),
    ...(namespace && { namespace }),
  } as KubeObject["metadata"];
  return { apiVersion: "", kind: "", ...body, metadata };
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json", vary: "Accept" });
  response.end(JSON.stringify(body));
}

function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function notFound(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource");
}

function notAllowed(): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError(405, "MethodNotAllowed", message);
}

function unsupported(): StatusError {
  return new StatusError(415, "UnsupportedMediaType", "the body of the request was in an unknown format");
}
