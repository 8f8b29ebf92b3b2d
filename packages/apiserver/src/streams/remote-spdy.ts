import type { IncomingMessage } from "node:http";
import { type Duplex, finished } from "node:stream";
import { type Clock, seconds } from "@selvedge/base";
import type { AttachOptions, ProcessSession } from "./pod-streams.ts";
import { type ClientChannels, parseSize, runSession } from "./remote-command.ts";
import type { SpdyConnection } from "./spdy/connection.ts";
import { acceptSpdy, negotiateSpdy } from "./spdy-upgrade.ts";

const protocols = ["v4.channel.k8s.io"];
/** How long a client may take to open the streams it wants, as upstream allows. */
const streamsTimeout = seconds(30);
/** A resize message is a few dozen bytes. */
const resizeMax = 4096;

type StreamType = "error" | "stdin" | "stdout" | "stderr" | "resize";

/** exec and attach over SPDY: kubectl up to 1.29, and what newer ones fall back to. */
export async function serveSpdyCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: AttachOptions,
  open: () => Promise<ProcessSession>,
  clock: Clock,
): Promise<void> {
  const protocol = negotiateSpdy(request, protocols);
  const session = await open();
  const opened = new Map<string, Duplex>();
  const wanted = wantedStreams(options);
  const complete = Promise.withResolvers<boolean>();
  const connection = acceptSpdy(socket, head, protocol, (stream, headers) => {
    const type = headers["streamtype"] ?? "";
    if (opened.has(type) || !wanted.includes(type as StreamType)) {
      stream.destroy();
      return;
    }
    opened.set(type, stream);
    if (opened.size === wanted.length) complete.resolve(true);
  });
  const timer = clock.setTimer(streamsTimeout, () => complete.resolve(false));
  void connection.closed.then(() => complete.resolve(false));
  const ready = await complete.promise;
  timer.cancel();
  if (ready) await runSession(session, spdyChannels(opened, connection, options.tty), clock);
  session.close();
  connection.close();
}

/** Clients open one stream for each thing they asked for; with a terminal, stderr is part of stdout. */
function wantedStreams({ stdin, stdout, stderr, tty }: AttachOptions): StreamType[] {
  return [
    "error",
    ...(stdin ? (["stdin"] as const) : []),
    ...(stdout ? (["stdout"] as const) : []),
    ...(stderr && !tty ? (["stderr"] as const) : []),
    ...(tty ? (["resize"] as const) : []),
  ];
}

function spdyChannels(
  opened: ReadonlyMap<string, Duplex>,
  connection: SpdyConnection,
  tty: boolean,
): ClientChannels {
  const outputs = ["stdout", "stderr"].flatMap((type) => opened.get(type) ?? []);
  return {
    stdin: opened.get("stdin"),
    stdout: opened.get("stdout"),
    stderr: opened.get("stderr"),
    ...{ tty, gone: connection.closed },
    onResize: (listener) => {
      const stream = opened.get("resize");
      if (stream !== undefined) readSizes(stream, listener);
    },
    async finish(status) {
      const error = opened.get("error");
      await Promise.all([...outputs.map((stream) => ended(stream)), ended(error, status)]);
    },
  };
}

function ended(stream: Duplex | undefined, text = ""): Promise<void> {
  if (stream === undefined || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    finished(stream, { readable: false }, () => resolve());
    stream.end(text);
  });
}

/** Sizes come as JSON objects one after the other, with no promise that frames and objects coincide. */
function readSizes(stream: Duplex, listener: (width: number, height: number) => void): void {
  let pending = "";
  stream.on("data", (bytes: Buffer) => {
    pending += bytes.toString();
    for (let end = pending.indexOf("}"); end >= 0; end = pending.indexOf("}")) {
      const size = parseSize(pending.slice(0, end + 1));
      pending = pending.slice(end + 1);
      if (size !== undefined) listener(size.width, size.height);
    }
    if (pending.length > resizeMax) stream.destroy();
  });
}
