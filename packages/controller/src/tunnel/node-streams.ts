/**
 * exec, attach, port-forward and logs of Pods, over the link of the node each Pod is on. The Pod's UID is
 * the app's id on the node (docs/decisions/0004). Logs of a node without a link come from what it has
 * uploaded; the screens of a box that runs EVE are reached over a tunnel of its own.
 */
import type { Duplex, Readable } from "node:stream";
import {
  type AttachOptions,
  type ExecOptions,
  type LogOptions,
  type PodRef,
  type PodStreams,
  type ProcessSession,
  StatusError,
} from "@selvedge/apiserver";
import { toRfc3339 } from "@selvedge/base";
import { LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import type { NodeId } from "../ports.ts";
import { duplexChannels, IncomingChannel, outgoingChannel } from "./channel-streams.ts";
import type { LinkState, StreamRequest, TerminalSize } from "./link-hub.ts";

/** What this needs of the links. */
export interface LinkOpener {
  open(node: NodeId, request: StreamRequest, size?: TerminalSize): Promise<LinkStream>;
  state(node: NodeId): LinkState;
}

/** Logs that nodes have uploaded. */
export interface UploadedLogs {
  read(app: string, options: LogOptions, signal: AbortSignal): Readable;
}

/** Screens of apps on boxes that have no link. */
export interface ScreenOpener {
  leadsTo(node: NodeId, app: string): boolean;
  open(node: NodeId, app: string, signal: AbortSignal): Promise<Duplex>;
}

export interface NodeStreamsOptions {
  readonly links: LinkOpener;
  readonly screens: ScreenOpener;
  readonly logs: UploadedLogs;
  /** The id of the node that has this name; undefined when there is no such node, or it has not enrolled. */
  readonly nodeIdOf: (nodeName: string) => Promise<NodeId | undefined>;
}

const [stdinChannel, stdoutChannel, stderrChannel] = [0, 1, 2];
/** Where guacd is by custom, which shows the screen of a Pod that has one. */
const guacdPort = 4822;

export class NodeStreams implements PodStreams {
  readonly #options: NodeStreamsOptions;

  constructor(options: NodeStreamsOptions) {
    this.#options = options;
  }

  async exec(pod: PodRef, options: ExecOptions, signal: AbortSignal): Promise<ProcessSession> {
    const { container, command, tty, stdin, stdout, stderr } = options;
    const value = { command: [...command], tty, stdin, stdout, stderr };
    const stream = await this.#open(pod, container, { case: "exec", value }, signal, options.size);
    return processSession(stream, options);
  }

  async attach(pod: PodRef, options: AttachOptions, signal: AbortSignal): Promise<ProcessSession> {
    const { container, tty, stdin, stdout, stderr } = options;
    const value = { tty, stdin, stdout, stderr };
    const stream = await this.#open(pod, container, { case: "attach", value }, signal, options.size);
    return processSession(stream, options);
  }

  async portForward(pod: PodRef, port: number, signal: AbortSignal): Promise<Duplex> {
    const { screens } = this.#options;
    if (port === guacdPort) {
      const node = await this.#node(pod);
      if (screens.leadsTo(node, pod.uid)) return await screens.open(node, pod.uid, signal);
    }
    const stream = await this.#open(pod, "", { case: "port", value: { port } }, signal);
    return duplexChannels(stream, 0, 1);
  }

  async logs(pod: PodRef, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const { container, follow, previous, timestamps, tailLines, limitBytes, since } = options;
    const value = {
      ...{ follow, previous, timestamps, since: BigInt(since ?? 0) },
      ...(tailLines === undefined ? {} : { tailLines: BigInt(tailLines) }),
      ...(limitBytes === undefined ? {} : { limitBytes: BigInt(limitBytes) }),
    };
    const { links, logs } = this.#options;
    const node = await this.#node(pod);
    if (!links.state(node).connected) return logs.read(pod.uid, options, signal);
    try {
      return logLines(await this.#open(pod, container, { case: "logs", value }, signal));
    } catch (error) {
      // A box that lost its power keeps a link that nobody has seen end yet.
      const silent = error instanceof StatusError && (error.code === 503 || error.code === 504);
      if (!silent || signal.aborted) throw error;
      return logs.read(pod.uid, options, signal);
    }
  }

  async #node(pod: PodRef): Promise<NodeId> {
    const node = await this.#options.nodeIdOf(pod.nodeName);
    if (node !== undefined) return node;
    throw unavailable(`node ${JSON.stringify(pod.nodeName)} has not enrolled`);
  }

  async #open(
    pod: PodRef,
    container: string,
    what: NonNullable<StreamRequest["what"]>,
    signal: AbortSignal,
    size?: TerminalSize,
  ): Promise<LinkStream> {
    const node = await this.#node(pod);
    const { links } = this.#options;
    try {
      const stream = await links.open(node, { appId: pod.uid, container, what }, size);
      const hangUp = (): void => stream.reset();
      if (signal.aborted) hangUp();
      signal.addEventListener("abort", hangUp, { once: true });
      void stream.closed.then(() => signal.removeEventListener("abort", hangUp));
      return stream;
    } catch (error) {
      if (!(error instanceof LinkClosedError)) throw error;
      throw refusal(error, pod, links.state(node));
    }
  }
}

function processSession(stream: LinkStream, options: AttachOptions): ProcessSession {
  const exit = Promise.withResolvers<number>();
  // Whoever closes a session may not wait for its end.
  exit.promise.catch(() => undefined);
  const stdout = options.stdout ? new IncomingChannel() : undefined;
  // A terminal has one output.
  const stderr = options.stderr && !options.tty ? new IncomingChannel() : undefined;
  const channels = new Map([
    [stdoutChannel, stdout],
    [stderrChannel, stderr],
  ]);
  stream.onData((channel, bytes) => channels.get(channel)?.deliver(bytes));
  stream.onEnd((channel) => channels.get(channel)?.end());
  const endAll = (): void => {
    for (const channel of channels.values()) channel?.end();
  };
  stream.onExit((code) => {
    exit.resolve(code);
    endAll();
    stream.reset();
  });
  void stream.closed.then((error) => {
    exit.reject(error ?? new LinkClosedError("the session ended before the process did"));
    endAll();
  });
  return {
    stdin: options.stdin ? outgoingChannel(stream, stdinChannel) : undefined,
    stdout: stdout?.readable,
    stderr: stderr?.readable,
    resize: (width, height) => stream.resize(width, height),
    exit: exit.promise,
    close: () => stream.reset(),
  };
}

function logLines(stream: LinkStream): Readable {
  const lines = new IncomingChannel(() => stream.reset());
  stream.onData((channel, bytes) => (channel === stdoutChannel ? lines.deliver(bytes) : undefined));
  stream.onEnd((channel) => {
    if (channel === stdoutChannel) lines.end();
  });
  void stream.closed.then((error) => (error === undefined ? lines.end() : lines.fail(error)));
  return lines.readable;
}

/** The HTTP codes of the reasons a node may give; any other reason is an internal error. */
const codes: Readonly<Record<string, number>> = {
  BadRequest: 400,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  Invalid: 422,
  TooManyRequests: 429,
  ServiceUnavailable: 503,
  Timeout: 504,
};

function refusal(error: LinkClosedError, pod: PodRef, state: LinkState): StatusError {
  const name = JSON.stringify(pod.nodeName);
  if (!state.connected) {
    const since = state.since === undefined ? "this controller started" : toRfc3339(state.since);
    const why = state.reason === undefined ? "" : ` (${state.reason})`;
    return unavailable(
      `node ${name} has no link since ${since}${why}; its apps go on, try again later`,
      error,
    );
  }
  const code = codes[error.reason];
  const reason = code === undefined ? "InternalError" : error.reason;
  return new StatusError(code ?? 500, reason, `node ${name}: ${error.message}`, undefined, { cause: error });
}

function unavailable(message: string, cause?: Error): StatusError {
  return new StatusError(503, "ServiceUnavailable", message, undefined, { cause });
}
