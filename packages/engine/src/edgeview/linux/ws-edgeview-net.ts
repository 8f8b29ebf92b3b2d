import { spawn } from "node:child_process";
import { lookup, Resolver } from "node:dns/promises";
import { connect as tcpConnect } from "node:net";
import { WebSocket } from "ws";
import type {
  CaptureWish,
  DispatcherSocket,
  EdgeviewNet,
  NetTarget,
  TcpConnection,
  TcpListener,
} from "../edgeview-net.ts";

/** Commands are short, and data of relays comes in pieces of a few KiB. */
const payloadMax = 1 << 20;
const handshakeMs = 30_000;
const connectMs = 30_000;
const lookupMs = 5_000;
/** As EVE has it: a connection nobody uses for so long is closed. */
const idleMs = 1_800_000;

export class WsEdgeviewNet implements EdgeviewNet {
  async dispatcher(
    url: string,
    headers: Readonly<Record<string, string>>,
    certificates: readonly string[],
    signal: AbortSignal,
  ): Promise<DispatcherSocket> {
    signal.throwIfAborted();
    const socket = new WebSocket(url, {
      ...{
        headers: { ...headers },
        maxPayload: payloadMax,
        handshakeTimeout: handshakeMs,
        perMessageDeflate: false,
      },
      ...(certificates.length === 0 ? {} : { ca: [...certificates] }),
    });
    const adapted = adapt(socket);
    const abort = (): void => socket.terminate();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("open", resolve);
        socket.once("error", reject);
        socket.once("close", () => reject(new Error("the dispatcher closed the connection")));
      });
      return adapted;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  connect(target: NetTarget, listener: TcpListener): TcpConnection {
    const socket = tcpConnect({ ...target, timeout: connectMs });
    socket.once("connect", () => {
      socket.setTimeout(idleMs);
      listener.opened?.();
    });
    socket.on("timeout", () => socket.destroy());
    socket.on("data", (bytes) => listener.data(Buffer.from(bytes)));
    // A connection that breaks ends with "close" as well.
    socket.on("error", () => undefined);
    socket.once("close", () => listener.closed());
    return {
      write: (bytes) => void socket.write(bytes),
      close: () => void socket.destroy(),
      get bufferedBytes() {
        return socket.writableLength;
      },
    };
  }

  async lookup(name: string, server: string | undefined): Promise<string> {
    if (server === undefined) return (await lookup(name, { family: 4 })).address;
    const resolver = new Resolver({ timeout: lookupMs, tries: 2 });
    resolver.setServers([server]);
    const [address] = await resolver.resolve4(name);
    if (address === undefined) throw new Error(`${server} knows no address of ${name}`);
    return address;
  }

  /** tcpdump, by what names no file and starts nothing; without -w and -z it only prints. */
  capture({ card, filter, seconds, packets }: CaptureWish): Promise<string> {
    const args = ["-n", "-l", "-s", "128", "-c", `${packets}`, "-i", card];
    const child = spawn("tcpdump", [...args, "--", ...(filter === "" ? [] : [filter])], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: seconds * 1000,
      killSignal: "SIGINT",
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => {
        if (text.length < captureMax) text += bytes.toString();
      });
    return new Promise((resolve, reject) => {
      child.once("error", (cause) => reject(new Error("tcpdump cannot be run: is it installed?", { cause })));
      child.once("close", () => resolve(text));
    });
  }
}

/** Of what tcpdump prints: 100 lines of a packet each are far below. */
const captureMax = 256 * 1024;

/** Messages that come before somebody listens are kept: the dispatcher speaks first. */
function adapt(socket: WebSocket): DispatcherSocket {
  const early: [Buffer, boolean][] = [];
  let listener: ((data: Uint8Array, isText: boolean) => void) | undefined;
  const closed = Promise.withResolvers<void>();
  socket.on("message", (data: Buffer, isBinary) => {
    if (listener === undefined) early.push([data, !isBinary]);
    else listener(data, !isBinary);
  });
  socket.on("error", () => undefined);
  socket.once("close", () => closed.resolve());
  return {
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
    onMessage(take) {
      listener = take;
      for (const [data, isText] of early.splice(0)) take(data, isText);
    },
    closed: closed.promise,
    close: () => socket.terminate(),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
  };
}
