/** A connection that carries whole messages in order: a WebSocket, or two ends joined in memory. */
export interface LinkSocket {
  send(message: Uint8Array): void;
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedBytes: number;
  close(): void;
  onMessage(listener: (message: Uint8Array) => void): void;
  /** Called once, also when the peer or the network ended it. */
  onClose(listener: () => void): void;
}
