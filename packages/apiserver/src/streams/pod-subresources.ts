/**
 * exec, attach, port-forward and logs of Pods over HTTP, WebSocket and SPDY: from a client's request to a
 * PodStreams.
 *
 *   kubectl ── WebSocket v5/v4 ── remote-websocket ─┐
 *           ── SPDY v4 ────────── remote-spdy ──────┼─ remote-command ── PodStreams
 *           ── WebSocket(SPDY) ── port-forward ─────┤
 *           ── GET, WebSocket ─── logs ─────────────┘
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Clock, Log } from "@selvedge/base";
import { methodNotAllowed, unknownResource } from "../rest/refusals.ts";
import type { Target } from "../rest/target.ts";
import { StatusError } from "../status-error.ts";
import { flag, parseLogQuery } from "./log-query.ts";
import { serveLogMessages } from "./log-websocket.ts";
import { checkHasLogs, checkRuns, chooseContainer, nodeOf, type StreamedPod } from "./pod-container.ts";
import type { AttachOptions, ExecOptions, PodRef, PodStreams, ProcessSession } from "./pod-streams.ts";
import { portForwardTunnel, serveSpdyPortForward, serveTunnelledPortForward } from "./port-forward.ts";
import { serveChannelPortForward } from "./port-forward-websocket.ts";
import { serveSpdyCommand } from "./remote-spdy.ts";
import { serveWebSocketCommand } from "./remote-websocket.ts";
import { isSpdy } from "./spdy-upgrade.ts";
import { isWebSocket, offeredProtocols } from "./websocket.ts";

export interface PodSubresourcesOptions {
  readonly pod: (namespace: string, name: string) => Promise<StreamedPod>;
  readonly streams: PodStreams;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where the answer goes: an ordinary response, or the socket of a request to upgrade. */
export type StreamAnswer =
  | { readonly type: "response"; readonly response: ServerResponse }
  | { readonly type: "upgrade"; readonly socket: import("node:stream").Duplex; readonly head: Uint8Array };

/**
 * Makes what ApiServerOptions.subresource wants. Refusals are thrown while an ordinary answer is still
 * possible.
 */
export function podSubresources(
  options: PodSubresourcesOptions,
): (target: Target, request: IncomingMessage, answer: StreamAnswer) => Promise<void> {
  return async (target, request, answer) => {
    const { kind, namespace = "", name = "", subresource = "" } = target;
    if (kind.group !== "" || kind.plural !== "pods" || !names.includes(subresource)) {
      throw unknownResource();
    }
    const query = new URL(request.url ?? "/", "https://server").searchParams;
    const pod = await options.pod(namespace, name);
    if (subresource === "log") return await serveLog(pod, query, request, answer, options);
    if (request.method !== "GET" && request.method !== "POST") throw methodNotAllowed();
    if (answer.type !== "upgrade") throw new StatusError(400, "BadRequest", upgradeRequired);
    if (subresource === "portforward") return await servePortForward(pod, query, request, answer, options);
    await serveCommand(subresource, pod, query, request, answer, options);
  };
}

const names = ["log", "exec", "attach", "portforward"];
const upgradeRequired = "Upgrade request required";

type Upgrade = Extract<StreamAnswer, { type: "upgrade" }>;

async function serveCommand(
  subresource: string,
  pod: StreamedPod,
  query: URLSearchParams,
  request: IncomingMessage,
  { socket, head }: Upgrade,
  { streams, clock }: PodSubresourcesOptions,
): Promise<void> {
  const container = chooseContainer(pod, query.get("container") ?? "");
  const ref = refOf(pod);
  checkRuns(pod, container);
  const [stdin, stdout, stderr] = [flag(query, "stdin"), flag(query, "stdout"), flag(query, "stderr")];
  const attach: AttachOptions = { container, stdin, stdout, stderr, tty: flag(query, "tty") };
  if (!stdin && !stdout && !stderr) {
    throw new StatusError(400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr");
  }
  const stop = new AbortController();
  const leave = (): void => stop.abort(new Error("the client is gone"));
  socket.once("close", leave);
  /** Once there is a session, it hears from its channels that the client is gone. */
  const opened = async (opening: Promise<ProcessSession>): Promise<ProcessSession> => {
    const session = await opening;
    socket.off("close", leave);
    return session;
  };
  let open: (size?: AttachOptions["size"]) => Promise<ProcessSession>;
  const sized = (size: AttachOptions["size"]): { size?: NonNullable<AttachOptions["size"]> } =>
    size === undefined ? {} : { size };
  if (subresource === "exec") {
    const exec: ExecOptions = { ...attach, command: query.getAll("command") };
    if (exec.command.length === 0) {
      const causes = [{ reason: "FieldValueRequired", message: "Required value", field: "command" }];
      const message = 'PodExecOptions "" is invalid: command: Required value';
      throw new StatusError(422, "Invalid", message, { kind: "PodExecOptions", causes });
    }
    open = (size) => opened(streams.exec(ref, { ...exec, ...sized(size) }, stop.signal));
  } else open = (size) => opened(streams.attach(ref, { ...attach, ...sized(size) }, stop.signal));
  if (isWebSocket(request)) return await serveWebSocketCommand(request, socket, head, attach, open, clock);
  if (isSpdy(request)) return await serveSpdyCommand(request, socket, head, attach, open, clock);
  throw new StatusError(400, "BadRequest", upgradeRequired);
}

async function servePortForward(
  pod: StreamedPod,
  query: URLSearchParams,
  request: IncomingMessage,
  { socket, head }: Upgrade,
  { streams, clock }: PodSubresourcesOptions,
): Promise<void> {
  const options = { pod: refOf(pod), streams, clock };
  const { phase = "Unknown" } = pod.status ?? {};
  if (phase !== "Running") {
    const message = `unable to forward port because pod is not running. Current status=${phase}`;
    throw new StatusError(400, "BadRequest", message);
  }
  if (isSpdy(request)) return await serveSpdyPortForward(request, socket, head, options);
  if (!isWebSocket(request)) throw new StatusError(400, "BadRequest", upgradeRequired);
  const tunnelled = offeredProtocols(request).includes(portForwardTunnel);
  if (tunnelled) await serveTunnelledPortForward(request, socket, head, options);
  else await serveChannelPortForward(request, socket, head, query, options);
}

async function serveLog(
  pod: StreamedPod,
  query: URLSearchParams,
  request: IncomingMessage,
  answer: StreamAnswer,
  { streams, clock, log }: PodSubresourcesOptions,
): Promise<void> {
  const options = {
    ...parseLogQuery(query, clock.now()),
    container: chooseContainer(pod, query.get("container") ?? ""),
  };
  checkHasLogs(pod, options.container, options.previous);
  const stop = new AbortController();
  const client = answer.type === "response" ? answer.response : answer.socket;
  client.once("close", () => stop.abort(new Error("the client is gone")));
  const open = async (): Promise<Readable> => await streams.logs(refOf(pod), options, stop.signal);
  if (answer.type !== "response") {
    if (!isWebSocket(request)) throw new StatusError(400, "BadRequest", "logs are read by a plain GET");
    return await serveLogMessages(request, answer, open);
  }
  const { response } = answer;
  const lines = await open();
  response.writeHead(200, { "content-type": "text/plain" });
  // A follower sees that it is connected before the first line comes.
  response.flushHeaders();
  try {
    await pipeline(lines, response);
  } catch (error) {
    if (stop.signal.aborted) return;
    // Half an answer must not look like a whole one.
    log.warn("a log broke off", { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, error });
    response.destroy();
  }
}

function refOf(pod: StreamedPod): PodRef {
  const { namespace = "", name, uid = "" } = pod.metadata;
  return { namespace, name, uid, nodeName: nodeOf(pod) };
}
