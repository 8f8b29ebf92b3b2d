import type { EdgeviewNet, NetTarget, TcpConnection } from "./edgeview-net.ts";

/** Connections of one relay at once; a browser opens a handful. */
const channelsMax = 64;
/** What a peer that does not read makes us keep, before its connection is closed. */
const bufferMax = 1 << 20;

/** Bytes of one connection, as EVE's client sends and takes them. */
interface Piece {
  readonly mappingId: number;
  readonly chanNum: number;
  readonly data: string;
}

/** TCP connections from the node to the addresses that a command named, carried in the session. */
export class Relay {
  readonly #net: EdgeviewNet;
  readonly #targets: readonly NetTarget[];
  readonly #send: (bytes: Uint8Array) => void;
  readonly #channels = new Map<string, TcpConnection>();

  constructor(net: EdgeviewNet, targets: readonly NetTarget[], send: (bytes: Uint8Array) => void) {
    this.#net = net;
    this.#targets = targets;
    this.#send = send;
  }

  /** Opens the connection with the first bytes for it. */
  take(message: Uint8Array): void {
    const piece = read(message);
    const target = piece && this.#targets[piece.mappingId - 1];
    if (piece === undefined || target === undefined) return;
    const key = `${piece.mappingId}/${piece.chanNum}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      if (this.#channels.size >= channelsMax) return;
      channel = this.#net.connect(target, {
        data: (bytes) => this.#send(write(piece, bytes)),
        closed: () => this.#channels.delete(key),
      });
      this.#channels.set(key, channel);
    }
    const bytes = Uint8Array.fromBase64(piece.data);
    if (bytes.length > 0) channel.write(bytes);
    if (channel.bufferedBytes > bufferMax) channel.close();
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }
}

function read(message: Uint8Array): Piece | undefined {
  try {
    const { mappingId, chanNum, data } = JSON.parse(new TextDecoder().decode(message)) as Record<
      string,
      unknown
    >;
    return {
      mappingId: Number(mappingId),
      chanNum: Number(chanNum),
      data: typeof data === "string" ? data : "",
    };
  } catch {
    return undefined;
  }
}

function write({ mappingId, chanNum }: Piece, bytes: Uint8Array): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: 0, mappingId, chanNum, data: bytes.toBase64() }));
}
