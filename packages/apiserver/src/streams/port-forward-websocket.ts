/**
 * port-forward as client libraries for JavaScript and Python speak it: `?ports=80&ports=443`, and two
 * channels for each port in one WebSocket, 2i for data and 2i+1 for errors. The first message on each is
 * the port, little-endian.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describeError } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import type { PortForwardOptions } from "./port-forward.ts";
import { acceptWebSocket, list, negotiate, offeredProtocols } from "./websocket.ts";
import { type ChannelEncoding, WebSocketChannels } from "./websocket-channels.ts";

const protocols: Readonly<Record<string, ChannelEncoding>> = {
  "v4.channel.k8s.io": "binary",
  "v4.base64.channel.k8s.io": "base64",
};
/** Channels are numbered by one byte, in base64 by one digit. */
const portsMax: Readonly<Record<ChannelEncoding, number>> = { binary: 100, base64: 5 };

export async function serveChannelPortForward(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  query: URLSearchParams,
  { pod, streams }: PortForwardOptions,
): Promise<void> {
  const protocol = negotiate(offeredProtocols(request), Object.keys(protocols));
  const encoding = protocols[protocol] ?? "binary";
  const ports = parsePorts(query, portsMax[encoding]);
  const webSocket = acceptWebSocket(request, socket, head, protocol);
  if (webSocket === undefined) return;
  const channels = new WebSocketChannels(webSocket, encoding, false);
  const stop = new AbortController();
  const forward = async (port: number, index: number): Promise<void> => {
    const [data, errors] = [index * 2, index * 2 + 1];
    const input = channels.readable(data);
    const announced = Buffer.alloc(2);
    announced.writeUInt16LE(port);
    await channels.send(data, announced);
    await channels.send(errors, announced);
    try {
      const app = await streams.portForward(pod, port, stop.signal);
      input.pipe(app);
      // The protocol has no word for the end of one direction: what the app has said last ends the port.
      await pipeline(app, channels.writable(data));
    } catch (error) {
      const text = `error forwarding port ${port} to pod ${pod.name}: ${describeError(error)}`;
      await channels.send(errors, Buffer.from(text));
    }
  };
  // The connection ends when all ports have.
  await Promise.race([Promise.all(ports.map(forward)), channels.gone]);
  stop.abort(new Error("the client is gone"));
  channels.close();
}

export function parsePorts(query: URLSearchParams, max: number): number[] {
  const texts = query.getAll("ports").flatMap((text) => list(text));
  if (texts.length === 0) throw new StatusError(400, "BadRequest", 'query parameter "ports" is required');
  if (texts.length > max) {
    throw new StatusError(400, "BadRequest", `at most ${max} ports can be forwarded in one connection`);
  }
  return texts.map((text) => {
    const port = Number(text);
    if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
    throw new StatusError(
      400,
      "BadRequest",
      `query parameter "ports": ${JSON.stringify(text)} is not a port`,
    );
  });
}
