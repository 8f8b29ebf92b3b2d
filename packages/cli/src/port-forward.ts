/**
 * Reaches a port of a Pod through the API server, as kubectl port-forward does, over a WebSocket with two
 * channels: 0 carries data, 1 carries errors; the first message on each names the port.
 */
import { once } from "node:events";
import { Duplex } from "node:stream";
import WebSocket from "ws";
import type { KubeConnection } from "./kube.ts";

export interface ForwardTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** The port, little-endian. */
const announcement = 2;

/** One connection to the port. */
export async function dialPod(
  connection: KubeConnection,
  target: ForwardTarget,
  signal: AbortSignal,
): Promise<Duplex> {
  const { namespace, pod, port } = target;
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`;
  const url = new URL(path, connection.server);
  url.protocol = "wss:";
  const socket = new WebSocket(url, ["v4.channel.k8s.io"], { ...connection.tls, perMessageDeflate: false });
  try {
    await once(socket, "open", { signal });
  } catch (error) {
    socket.on("error", () => undefined).terminate();
    throw error;
  }
  return joinChannels(socket, target);
}

function joinChannels(socket: WebSocket, { pod, port }: ForwardTarget): Duplex {
  const announced = [announcement, announcement];
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      // Done when the kernel has it: that is the whole back-pressure.
      socket.send(Buffer.concat([Buffer.of(0), chunk]), (error) => done(error ?? null));
    },
    // The protocol has no word for "I have no more to say"; the other end learns it from what was said.
    final: (done) => done(),
    destroy: (error, done) => {
      socket.terminate();
      done(error);
    },
  });
  socket.on("message", (data: Buffer) => {
    const channel = data[0] ?? 0;
    const skipped = Math.min(announced[channel] ?? 0, data.length - 1);
    announced[channel] = (announced[channel] ?? 0) - skipped;
    const bytes = data.subarray(1 + skipped);
    if (bytes.length === 0) return;
    if (channel === 1) duplex.destroy(new Error(`port ${port} of ${pod}: ${bytes.toString("utf8").trim()}`));
    else if (!duplex.push(bytes)) socket.pause();
  });
  socket.on("close", () => duplex.push(null));
  socket.on("error", (error) => duplex.destroy(error));
  return duplex;
}
