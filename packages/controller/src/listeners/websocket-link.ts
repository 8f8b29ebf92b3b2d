import type { LinkSocket } from "@selvedge/eve-api";
import type { WebSocket } from "ws";

/** A `ws` connection as the socket a link runs over. What comes before somebody listens is kept. */
export class WebSocketLink implements LinkSocket {
  readonly #socket: WebSocket;
  readonly #early: Uint8Array[] = [];
  #onMessage: ((message: Uint8Array) => void) | undefined;
  #onClose: (() => void) | undefined;
  #closed = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      if (!isBinary) socket.close(unsupportedData, "a link carries binary messages");
      else if (this.#onMessage !== undefined) this.#onMessage(data);
      else if (this.#early.length < earlyMax) this.#early.push(data);
      else socket.terminate();
    });
    // An error is always followed by close, which is what ends the link.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#closed = true;
      this.#onClose?.();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(message);
  }

  close(): void {
    this.#socket.close();
    // A peer that is gone answers no closing handshake; ws gives up on it by itself after 30 s.
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
    for (const message of this.#early.splice(0)) listener(message);
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
    if (this.#closed) listener();
  }
}

/** A peer sends one hello and waits; more than a few messages nobody listens to are not a link. */
const earlyMax = 4;
/** RFC 6455's code for "cannot accept this type of data". */
const unsupportedData = 1003;
