import { connect, type Socket } from "node:net";
import { encodeFields, encodeFrame, FrameReader, message } from "../agent/frames.ts";
import {
  type ContainerRun,
  type ContainerStart,
  type Guest,
  GuestError,
  type GuestNetwork,
  type GuestStream,
} from "../hypervisor.ts";
import { SessionStream } from "./session-stream.ts";

type OutputListener = (container: number, channel: 1 | 2, bytes: Uint8Array) => void;

/** Containers are streams below this; sessions count up from it. */
const firstSession = 1000;

/** One connection to the agent of one machine, over the socket that QEMU keeps for its virtio-serial port. */
export class GuestConnection implements Guest {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #changed: () => void;
  readonly #runs = new Map<number, ContainerRun>();
  readonly #sessions = new Map<number, SessionStream>();
  readonly #listeners: OutputListener[] = [];
  #nextSession = firstSession;
  connected = false;

  private constructor(socket: Socket, nonce: Uint8Array, changed: () => void) {
    this.#socket = socket;
    this.#reader = new FrameReader(nonce);
    this.#changed = changed;
  }

  /** The hello is repeated because the guest boots meanwhile, and because its first answer can be lost. */
  static open(
    path: string,
    nonce: Uint8Array,
    changed: () => void,
    timeoutMs: number,
  ): Promise<GuestConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const guest = new GuestConnection(socket, nonce, changed);
      const hello = (): void => guest.#send(message.hello, 0, nonce);
      const again = setInterval(hello, 200);
      const fail = (cause: unknown): void => {
        clearInterval(again);
        clearTimeout(deadline);
        guest.#broke();
        reject(new GuestError("the agent did not answer", { cause }));
      };
      const deadline = setTimeout(() => {
        socket.destroy();
        fail(new GuestError(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      socket.on("connect", hello);
      socket.on("error", fail);
      socket.on("close", () => fail(new GuestError("the socket was closed")));
      socket.on("data", (chunk: Uint8Array) => {
        guest.#take(chunk);
        if (!guest.connected) return;
        clearInterval(again);
        clearTimeout(deadline);
        resolve(guest);
      });
    });
  }

  setup(network: GuestNetwork): void {
    this.#send(message.setup, 0, encodeFields(Object.entries(network)));
  }

  writeFile(path: string, mode: number, content: Uint8Array): void {
    const head = new TextEncoder().encode(`${path}\0${mode.toString(8)}\0`);
    this.#send(message.file, 0, Buffer.concat([head, content]));
  }

  start(container: ContainerStart): void {
    const items: [string, string][] = [
      ["root", `vd${String.fromCharCode(97 + container.disk)}`],
      ["cwd", container.cwd],
      ["user", container.user],
      ["tty", container.tty ? "1" : "0"],
      ["stdin", container.stdin ? "1" : "0"],
    ];
    if (container.memoryBytes > 0) items.push(["memory", `${container.memoryBytes}`]);
    if (container.readOnlyRoot) items.push(["readonly", "1"]);
    for (const value of container.args) items.push(["arg", value]);
    for (const value of container.env) items.push(["env", value]);
    for (const { volume, path, readOnly } of container.mounts)
      items.push(["mount", `${readOnly ? "ro" : "rw"}:${volume}:${path}`]);
    this.#runs.set(container.index, { phase: "running" });
    this.#send(message.start, container.index, encodeFields(items));
  }

  signal(container: number, signal: number): void {
    this.#send(message.signal, container, Uint8Array.of(signal));
  }

  run(container: number): ContainerRun | undefined {
    return this.#runs.get(container);
  }

  onOutput(listener: OutputListener): void {
    this.#listeners.push(listener);
  }

  exec(
    container: number,
    command: readonly string[],
    options: { tty: boolean; stdin: boolean; user: string; env: readonly string[] },
  ): GuestStream {
    const id = this.#nextSession++;
    const items: [string, string][] = [
      ["container", `${container}`],
      ["tty", options.tty ? "1" : "0"],
      ["stdin", options.stdin ? "1" : "0"],
      ["user", options.user],
      ...command.map((value): [string, string] => ["arg", value]),
      ...options.env.map((value): [string, string] => ["env", value]),
    ];
    this.#send(message.exec, id, encodeFields(items));
    return this.#session(id);
  }

  attach(container: number): GuestStream {
    return this.#session(container);
  }

  dial(port: number): GuestStream {
    const id = this.#nextSession++;
    this.#send(message.connect, id, Uint8Array.of(port & 255, port >> 8));
    return this.#session(id);
  }

  powerOff(): void {
    this.#send(message.powerOff, 0, new Uint8Array());
  }

  close(): void {
    this.#socket.destroy();
  }

  #session(id: number): GuestStream {
    const session = new SessionStream((type, body) => this.#send(type, id, body), id >= firstSession);
    this.#sessions.set(id, session);
    return session;
  }

  #send(type: number, stream: number, body: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame({ type, stream, body }));
  }

  #broke(): void {
    this.connected = false;
    for (const session of this.#sessions.values()) session.broke(new GuestError("the machine is gone"));
    this.#sessions.clear();
    this.#changed();
  }

  #take(chunk: Uint8Array): void {
    for (const { type, stream, body } of this.#reader.push(chunk)) {
      const session = this.#sessions.get(stream);
      if (type === message.hello) this.connected = true;
      else if (type === message.started && stream < firstSession) this.#note(stream, { phase: "running" });
      else if (type === message.data) this.#output(stream, session, body);
      else if (type === message.credit) session?.credit(new DataView(body.buffer).getUint32(0, true));
      else if (type === message.failed) {
        const text = new TextDecoder().decode(body);
        if (stream < firstSession) this.#note(stream, { phase: "failed", message: text });
        session?.broke(new GuestError(text));
      } else if (type === message.end) session?.ended();
      else if (type === message.exit) {
        const [code = 0, signal = 0, oom = 0] = body;
        if (stream < firstSession)
          this.#note(stream, { phase: "exited", code, signal, outOfMemory: oom === 1 });
        session?.exited(code);
        this.#sessions.delete(stream);
      }
    }
  }

  #output(stream: number, session: SessionStream | undefined, body: Uint8Array): void {
    const channel = body[0] === 2 ? 2 : 1;
    const bytes = body.subarray(1);
    session?.output.push({ channel, bytes });
    if (stream < firstSession) for (const listener of this.#listeners) listener(stream, channel, bytes);
  }

  #note(container: number, run: ContainerRun): void {
    this.#runs.set(container, run);
    this.#changed();
  }
}
