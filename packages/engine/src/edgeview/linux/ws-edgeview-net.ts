import { spawn } from "node:child_process";
import type { X509Certificate } from "node:crypto";
import { lookup, Resolver } from "node:dns/promises";
import { once } from "node:events";
import { isIP, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { WebSocket } from "ws";
import type {
  DispatcherSocket,
  EdgeviewNet,
  NetTarget,
  ProgramWish,
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

  run({ words: [program, ...args], seconds }: ProgramWish, signal: AbortSignal): Promise<string> {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: seconds * 1000,
      // tcpdump tells then what it has counted; who does not listen to it is ended a moment later.
      killSignal: "SIGINT",
      signal,
    });
    const stuck = setTimeout(() => child.kill("SIGKILL"), seconds * 1000 + graceMs);
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => {
        if (text.length < outputMax) text += bytes.toString();
      });
    return new Promise((resolve, reject) => {
      child.once("error", (cause: NodeJS.ErrnoException) => {
        clearTimeout(stuck);
        if (cause.code === "ENOENT") resolve(`${program} is not on this node\n`);
        else reject(cause);
      });
      child.once("close", () => {
        clearTimeout(stuck);
        resolve(text);
      });
    });
  }

  async serverCertificates(address: NetTarget, name: string, signal: AbortSignal): Promise<string> {
    // Nothing is said to it; whom it is signed by is what is asked.
    const host = isIP(name) === 0 ? { servername: name } : {};
    const socket = tlsConnect({ ...address, ...host, rejectUnauthorized: false, timeout: connectMs });
    socket.on("error", () => undefined);
    socket.on("timeout", () => socket.destroy(new Error(`${name} does not answer`)));
    try {
      await once(socket, "secureConnect", { signal });
      return chainText(socket.getPeerX509Certificate());
    } finally {
      socket.destroy();
    }
  }
}

/** From the server's own upwards. */
function chainText(first: X509Certificate | undefined): string {
  const lines: string[] = [];
  for (let at = first; at !== undefined && lines.length < chainMax; at = at.issuerCertificate)
    lines.push(
      `subject: ${line(at.subject)}\n issuer: ${line(at.issuer)}\n serial: ${at.serialNumber}\n` +
        `  valid: ${at.validFrom} to ${at.validTo}\n  names: ${at.subjectAltName ?? ""}\n` +
        `sha-256: ${at.fingerprint256}\n`,
    );
  return lines.join("\n");
}

const line = (name: string): string => name.replaceAll("\n", ", ");
const chainMax = 10;
const graceMs = 2000;
/** Of what one program prints. */
const outputMax = 1 << 20;

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
