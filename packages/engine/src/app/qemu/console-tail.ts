import { connect, type Socket } from "node:net";

/** Enough for a kernel's last words. */
const tailMax = 16 * 1024;

/** The end of what a machine's console said since we listen. QEMU keeps nothing and waits for nobody. */
export class ConsoleTail {
  readonly #socket: Socket;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  #text = "";

  /** Resolves once what is said is heard, or never will be. */
  readonly connected: Promise<void>;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.unref();
    this.connected = new Promise((resolve) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("close", () => resolve());
    });
    this.#socket.on("data", (chunk) => {
      this.#text = (this.#text + chunk.toString("latin1")).slice(-tailMax);
      for (const listener of this.#listeners) listener(Buffer.from(chunk));
    });
    this.#socket.on("error", () => {});
  }

  get text(): string {
    return this.#text.replace(/[^\x20-\x7e\n]/g, "").trim();
  }

  /** What is said from now on. */
  onBytes(listener: (bytes: Uint8Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.destroy();
  }
}
