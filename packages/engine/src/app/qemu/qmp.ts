import { connect, type Socket } from "node:net";
import { GuestError } from "../hypervisor.ts";

export interface QmpListener {
  event(name: string, data: Readonly<Record<string, unknown>>): void;
  closed(): void;
}

/** A line of QEMU's is an answer or an event; none that we ask for is longer. */
const lineMax = 256 * 1024;

interface Answer {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** QEMU's monitor: JSON, a line each. */
export class QmpConnection {
  readonly #socket: Socket;
  readonly #listener: QmpListener;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #rest = "";
  #next = 1;
  connected = false;

  private constructor(socket: Socket, listener: QmpListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.setEncoding("utf8");
    socket.on("data", (text: unknown) => this.#take(String(text)));
    socket.on("error", () => this.#broke());
    socket.on("close", () => this.#broke());
  }

  static async open(path: string, signal: AbortSignal, listener: QmpListener): Promise<QmpConnection> {
    signal.throwIfAborted();
    const qmp = new QmpConnection(connect(path), listener);
    const onAbort = (): void => qmp.close();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      // Nothing else is answered before this.
      await qmp.execute("qmp_capabilities");
      qmp.connected = !qmp.#socket.destroyed;
      return qmp;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async execute(command: string): Promise<unknown> {
    if (this.#socket.destroyed) throw new GuestError("the machine is gone");
    const id = this.#next++;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(id, answer);
    this.#socket.write(`${JSON.stringify({ execute: command, id })}\n`);
    return await answer.promise;
  }

  close(): void {
    this.#broke();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > lineMax) {
      this.#broke();
      return;
    }
    for (const line of lines) if (line.trim() !== "") this.#message(JSON.parse(line) as Answer);
  }

  #message({ id, error, event, data = {}, ...rest }: Answer): void {
    if (event !== undefined) {
      this.#listener.event(event, data);
      return;
    }
    const asked = id === undefined ? undefined : this.#asked.get(id);
    if (asked === undefined || id === undefined) return;
    this.#asked.delete(id);
    if (error === undefined) asked.resolve(rest.return);
    else asked.reject(new GuestError(`QEMU refuses: ${error.desc ?? "no reason"}`));
  }

  #broke(): void {
    const known = this.connected;
    this.connected = false;
    this.#socket.destroy();
    for (const answer of this.#asked.values()) answer.reject(new GuestError("the machine is gone"));
    this.#asked.clear();
    if (known) this.#listener.closed();
  }
}
