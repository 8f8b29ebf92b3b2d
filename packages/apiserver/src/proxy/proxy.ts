/**
 * `pods/NAME/proxy/…` and `services/NAME/proxy/…`: HTTP of an app, for whoever may ask the API for it. Dashboards,
 * `kubectl proxy` and upstream's own specs reach apps by it. The connection is one to a port of the app, as
 * port-forward has it; links of pages lead back through here.
 */
import { once, setMaxListeners } from "node:events";
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect } from "node:tls";
import { describeError } from "@selvedge/base";
import type { Target } from "../rest/target.ts";
import { StatusError } from "../status-error.ts";
import { nodeOf, type StreamedPod } from "../streams/pod-container.ts";
import type { PodStreams } from "../streams/pod-streams.ts";
import { below, withLinksBelow } from "./proxied-links.ts";
import { type ProxiedName, parseProxiedName } from "./proxied-name.ts";

export interface ProxyOptions {
  readonly pod: (namespace: string, name: string) => Promise<StreamedPod>;
  /** Who answers a Service at a port of it now, and where; a StatusError says that nobody does. */
  readonly backend: (namespace: string, asked: ProxiedName) => Promise<Backend>;
  readonly streams: Pick<PodStreams, "portForward">;
}

export interface Backend {
  readonly pod: StreamedPod;
  readonly port: number;
}

/** Whether this answers for it. */
export function isProxied({ kind, subresource }: Target): boolean {
  return subresource === "proxy" && kind.group === "" && ["pods", "services"].includes(kind.plural);
}

type Way = { readonly type: "response"; readonly response: import("node:http").ServerResponse };
type Upgrade = { readonly type: "upgrade"; readonly socket: Duplex; readonly head: Uint8Array };

/** Of one connection only, or between the client and us. */
const ownHeaders = new Set([
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"],
  ...["trailer", "transfer-encoding", "upgrade", "http2-settings", "authorization", "host"],
]);
/** Each end of an upgraded connection is in two pipelines, and each of those listens for all that may end it. */
const upgradeListenersMax = 32;
/** A page is read whole to change its links; larger ones are passed as they are. */
const pageMax = 4 * 1024 * 1024;

export async function serveProxy(
  { kind, namespace = "", name = "", rest }: Target,
  request: IncomingMessage,
  answer: Way | Upgrade,
  options: ProxyOptions,
): Promise<void> {
  const what = kind.plural === "services" ? "service" : "pod";
  const asked = parseProxiedName(name, what);
  const url = request.url ?? "/";
  const query = url.includes("?") ? url.slice(url.indexOf("?")) : "";
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (rest === undefined && isRead && answer.type === "response") {
    // Relative links of the page would otherwise lead beside it.
    answer.response.writeHead(301, { location: `${url.slice(0, url.length - query.length)}/${query}` }).end();
    return;
  }
  const { pod, port } =
    what === "service"
      ? await options.backend(namespace, asked)
      : await podBackend(namespace, asked, options);
  const stop = new AbortController();
  const client = answer.type === "response" ? answer.response : answer.socket;
  client.once("close", () => stop.abort(new Error("the client is gone")));
  const connection = await reaching(openBackend({ pod, port }, options.streams, stop.signal));
  connection.on("error", () => undefined);
  const isSecured = asked.scheme === "https";
  const place: Place = {
    socket: isSecured ? await reaching(secured(connection, stop.signal)) : connection,
    host: `${addressOf(pod)}:${port}`,
    path: `/${rest ?? ""}${query}`,
    prefix: `/api/v1/namespaces/${namespace}/${kind.plural}/${name}/proxy`,
  };
  if (answer.type === "response") await passRequest(request, answer.response, place);
  else await passUpgrade(request, answer, place);
}

/** A connection to a port of an app, wherever it is. */
export async function openBackend(
  { pod, port }: Backend,
  streams: ProxyOptions["streams"],
  signal: AbortSignal,
): Promise<Duplex> {
  const { name, namespace = "", uid = "" } = pod.metadata;
  return await streams.portForward({ namespace, name, uid, nodeName: nodeOf(pod) }, port, signal);
}

interface Place {
  readonly socket: Duplex;
  readonly host: string;
  readonly path: string;
  readonly prefix: string;
}

async function podBackend(
  namespace: string,
  { scheme, name, port }: ProxiedName,
  { pod: find }: ProxyOptions,
): Promise<Backend> {
  const pod = await find(namespace, name);
  const declared = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) => ports);
  const usual = declared[0]?.containerPort ?? (scheme === "https" ? 443 : 80);
  const number = port === "" ? usual : Number(port);
  if (!(Number.isInteger(number) && number > 0 && number <= 65_535))
    throw new StatusError(400, "BadRequest", `invalid pod request "${name}:${port}": the port is no number`);
  return { pod, port: number };
}

async function reaching(opening: Promise<Duplex>): Promise<Duplex> {
  try {
    return await opening;
  } catch (error) {
    throw unreachable(error);
  }
}

function unreachable(error: unknown): StatusError {
  const message = `error trying to reach service: ${describeError(error)}`;
  return new StatusError(503, "ServiceUnavailable", message, undefined, { cause: error });
}

/**
 * TLS for what speaks nothing else: as upstream's, it takes any certificate. Who an app is, that could only say by
 * an authority that nobody named; who is reached, the node's link says.
 */
async function secured(connection: Duplex, signal: AbortSignal): Promise<Duplex> {
  const socket = connect({ socket: connection, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal });
  } catch (error) {
    socket.on("error", () => undefined).destroy();
    throw error;
  }
  return socket.on("error", () => undefined);
}

function addressOf({ status }: StreamedPod): string {
  return status?.podIP || "app";
}

function headersFor(request: IncomingMessage, { host, prefix }: Place): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { host };
  for (const [name, value] of Object.entries(request.headers)) {
    const isOurs = name.startsWith(":") || name.startsWith("impersonate-") || ownHeaders.has(name);
    // Links of a packed page could not be changed.
    if (!isOurs && name !== "accept-encoding") headers[name] = value;
  }
  // How long a body is, HTTP/2 need not say.
  const isOpen = request.httpVersionMajor > 1 && request.method !== "GET" && request.method !== "HEAD";
  const isChunked = request.headers["transfer-encoding"] !== undefined || isOpen;
  if (isChunked && headers["content-length"] === undefined) headers["transfer-encoding"] = "chunked";
  const { host: authority, ":authority": named = authority } = request.headers as Record<string, string>;
  const from = request.socket.remoteAddress;
  return {
    ...headers,
    ...{ "x-forwarded-uri": prefix, "x-forwarded-host": named ?? "", "x-forwarded-proto": "https" },
    ...(from === undefined ? {} : { "x-forwarded-for": from }),
  };
}

async function passRequest(request: IncomingMessage, response: Way["response"], place: Place): Promise<void> {
  const asked = httpRequest({
    ...{ method: request.method ?? "GET", path: place.path, headers: headersFor(request, place) },
    createConnection: () => place.socket,
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  asked.on("response", resolve).on("error", reject);
  // What the app does not read any more is no fault of the client's.
  pipeline(request, asked).catch(() => undefined);
  let said: IncomingMessage;
  try {
    said = await promise;
  } catch (error) {
    place.socket.destroy();
    throw unreachable(error);
  }
  try {
    await passAnswer(said, response, place, request.method === "HEAD");
  } finally {
    place.socket.destroy();
  }
}

async function passAnswer(
  said: IncomingMessage,
  response: Way["response"],
  { prefix, host }: Place,
  headOnly: boolean,
): Promise<void> {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(said.headers)) if (!ownHeaders.has(name)) headers[name] = value;
  for (const name of ["location", "content-location"]) {
    const led = said.headers[name];
    if (typeof led !== "string") continue;
    headers[name] = below(led.replace(new RegExp(`^https?://${RegExp.escape(host)}(?=/|$)`), ""), prefix);
  }
  const isPage = /^text\/html\b/i.test(said.headers["content-type"] ?? "") && !headOnly;
  const page = isPage && !said.headers["content-encoding"] ? await wholePage(said) : undefined;
  if (page === undefined) {
    response.writeHead(said.statusCode ?? 502, headers);
    await pipeline(said, response);
    return;
  }
  const { "content-length": _length, ...others } = headers;
  response.writeHead(said.statusCode ?? 502, others);
  response.write(
    page.isWhole ? Buffer.from(withLinksBelow(page.bytes.toString("utf8"), prefix)) : page.bytes,
  );
  if (page.isWhole) response.end();
  else await pipeline(said, response);
}

/** All of it, or as much as there is room for, with the rest still to be read. */
async function wholePage(
  said: IncomingMessage,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of said.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length > pageMax) return { bytes: Buffer.concat(parts), isWhole: false };
  }
  return { bytes: Buffer.concat(parts), isWhole: true };
}

/** Whatever the two agree on, once the app has been asked as the client did. */
async function passUpgrade(request: IncomingMessage, { socket, head }: Upgrade, place: Place): Promise<void> {
  const headers = headersFor(request, place);
  const lines = Object.entries({ ...headers, connection: "Upgrade", upgrade: request.headers.upgrade ?? "" });
  const text = lines.flatMap(([name, value]) => [value ?? []].flat().map((one) => `${name}: ${one}\r\n`));
  place.socket.write(`${request.method} ${place.path} HTTP/1.1\r\n${text.join("")}\r\n`);
  place.socket.write(head);
  setMaxListeners(upgradeListenersMax, socket, place.socket);
  const both = [pipeline(socket, place.socket), pipeline(place.socket, socket)];
  await Promise.allSettled(both);
}
