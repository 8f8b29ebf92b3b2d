import type { TcpConnection, TcpListener } from "./edgeview-net.ts";

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

/** Opens a connection to where a mapping leads. */
export type Opener = (listener: TcpListener) => TcpConnection;

/** TCP connections from the node to the addresses that a command named, carried in the session. */
export class Relay {
  readonly #openers: readonly Opener[];
  readonly #send: (bytes: Uint8Array) => void;
  readonly #channels = new Map<string, TcpConnection>();

  constructor(openers: readonly Opener[], send: (bytes: Uint8Array) => void) {
    this.#openers = openers;
    this.#send = send;
  }

  /** Opens the connection with the first bytes for it. */
  take(message: Uint8Array): void {
    const piece = read(message);
    const open = piece && this.#openers[piece.mappingId - 1];
    if (piece === undefined || open === undefined) return;
    const key = `${piece.mappingId}/${piece.chanNum}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      if (this.#channels.size >= channelsMax) return;
      channel = open({
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
