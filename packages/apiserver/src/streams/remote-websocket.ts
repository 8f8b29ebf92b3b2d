import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type Clock, millis } from "@selvedge/base";
import type { AttachOptions, ProcessSession } from "./pod-streams.ts";
import { type ClientChannels, failureStatus, parseSize, runSession } from "./remote-command.ts";
import { acceptWebSocket, negotiate, offeredProtocols } from "./websocket.ts";
import { type ChannelEncoding, WebSocketChannels } from "./websocket-channels.ts";

interface Protocol {
  readonly encoding: ChannelEncoding;
  /** A channel can be ended alone. */
  readonly closes: boolean;
  /** How it ended is told as a Status; the first one told only of failures, as text. */
  readonly tells: boolean;
}

const protocols: Readonly<Record<string, Protocol>> = {
  "v5.channel.k8s.io": { encoding: "binary", closes: true, tells: true },
  "v4.channel.k8s.io": { encoding: "binary", closes: false, tells: true },
  "v4.base64.channel.k8s.io": { encoding: "base64", closes: false, tells: true },
  "channel.k8s.io": { encoding: "binary", closes: false, tells: false },
  "base64.channel.k8s.io": { encoding: "base64", closes: false, tells: false },
};
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** How long a terminal's size is waited for. Clients send it as their first message. */
const sizeTimeout = millis(500);

/**
 * exec and attach over a WebSocket. `open` is called once the client is known to speak what we do, so that
 * its refusal is still an ordinary HTTP answer. With a terminal it is called when the size is known, after
 * the upgrade, so that the program does not start on a screen of no size; a refusal then goes the way of an
 * exit code.
 */
export async function serveWebSocketCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: AttachOptions,
  open: (size?: AttachOptions["size"]) => Promise<ProcessSession>,
  clock: Clock,
): Promise<void> {
  const protocol = negotiate(offeredProtocols(request), Object.keys(protocols));
  const early = options.tty ? undefined : await open();
  const webSocket = acceptWebSocket(request, socket, head, protocol);
  const { encoding = "binary", closes = false, tells = true } = protocols[protocol] ?? {};
  if (webSocket === undefined) {
    early?.close();
    return;
  }
  const channels = new WebSocketChannels(webSocket, encoding, closes);
  const sizes = new Sizes(channels);
  const client: ClientChannels = {
    stdin: options.stdin ? channels.readable(channel.stdin) : undefined,
    stdout: options.stdout ? channels.writable(channel.stdout) : undefined,
    stderr: options.stderr && !options.tty ? channels.writable(channel.stderr) : undefined,
    ...{ tty: options.tty, gone: channels.gone },
    onResize: (listener) => sizes.listen(listener),
    finish: async (status) => {
      const said = tells ? status : failureText(status);
      if (said !== "") await channels.send(channel.error, Buffer.from(said));
      channels.close();
    },
  };
  if (early !== undefined) return await runSession(early, client, clock);
  await Promise.race([sizes.first(clock), channels.gone]);
  let session: ProcessSession;
  try {
    session = await open(sizes.last);
  } catch (error) {
    await client.finish(JSON.stringify(failureStatus(error)));
    return;
  }
  await runSession(session, client, clock);
}

function failureText(text: string): string {
  const { status, message } = JSON.parse(text) as { readonly status?: string; readonly message?: string };
  return status === "Success" ? "" : (message ?? "");
}

/** The sizes a client tells, the last of which is kept until somebody listens. */
class Sizes {
  readonly #first = Promise.withResolvers<void>();
  last: AttachOptions["size"];
  #listener: ((width: number, height: number) => void) | undefined;

  constructor(channels: WebSocketChannels) {
    channels.listen(channel.resize, (text) => {
      const size = parseSize(text);
      if (size === undefined) return;
      this.last = size;
      this.#first.resolve();
      this.#listener?.(size.width, size.height);
    });
  }

  async first(clock: Clock): Promise<void> {
    const timer = clock.setTimer(sizeTimeout, () => this.#first.resolve());
    await this.#first.promise;
    timer.cancel();
  }

  listen(listener: (width: number, height: number) => void): void {
    this.#listener = listener;
    if (this.last !== undefined) listener(this.last.width, this.last.height);
  }
}
