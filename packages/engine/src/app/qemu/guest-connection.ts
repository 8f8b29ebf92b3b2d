import { connect, type Socket } from "node:net";
import { type Clock, instant } from "@selvedge/base";
import { encodeFields, encodeFrame, type Frame, FrameReader, message } from "../agent/frames.ts";
import {
  type ContainerRun,
  type ContainerStart,
  type ContainerStats,
  type Guest,
  GuestError,
  type GuestNetwork,
  type GuestOutput,
  type GuestStream,
  type MountOptions,
  type VolumeGroup,
} from "../hypervisor.ts";
import { SessionStream, sizeBody } from "./session-stream.ts";
import { groupFields, startFields } from "./start-fields.ts";
import { SendWindow } from "./window.ts";

/** Containers are streams below this; sessions count up from it. */
const firstSession = 1000;
/** The guest boots meanwhile, and its first answer can be lost. */
const helloEveryMs = 200;
/** A guest that does not answer a simple question for so long is stuck. */
const statsMs = 10_000;

export interface ConnectionOptions {
  readonly path: string;
  readonly nonce: Uint8Array;
  readonly clock: Clock;
  readonly changed: () => void;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One connection to the agent of one machine, over the socket that QEMU keeps for its virtio-serial port. */
export class GuestConnection implements Guest {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #runs = new Map<number, ContainerRun>();
  readonly #inputs = new Map<number, SendWindow>();
  readonly #sessions = new Map<number, SessionStream>();
  readonly #questions = new Map<number, (stats: readonly ContainerStats[] | Error) => void>();
  #listener: ((output: GuestOutput) => void) | undefined;
  /** What came before somebody listens; the guest's own bound bounds it. */
  #early: GuestOutput[] = [];
  #next = firstSession;
  #onHello: () => void = () => {};
  connected = false;

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#reader = new FrameReader(options.nonce);
    this.#clock = options.clock;
    this.#changed = options.changed;
  }

  /** Resolves once the guest has told everything it knows: see the end of PROTOCOL.md. */
  static async open(options: ConnectionOptions): Promise<GuestConnection> {
    options.signal.throwIfAborted();
    const socket = connect(options.path);
    const guest = new GuestConnection(socket, options);
    const greeted = Promise.withResolvers<void>();
    guest.#onHello = greeted.resolve;
    const hello = (): void => guest.#send(message.hello, 0, options.nonce);
    const again = setInterval(hello, helloEveryMs);
    const fail = (why: string, cause?: unknown): void => {
      greeted.reject(new GuestError(`the agent did not answer: ${why}`, { cause }));
      guest.#broke();
    };
    const deadline = setTimeout(() => fail(`nothing within ${options.timeoutMs} ms`), options.timeoutMs);
    const onAbort = (): void => fail("no longer wanted");
    options.signal.addEventListener("abort", onAbort, { once: true });
    socket.on("connect", hello);
    socket.on("error", (error) => fail(error.message, error));
    socket.on("close", () => fail("the connection was closed"));
    socket.on("data", (chunk: Uint8Array) => guest.#take(chunk));
    try {
      await greeted.promise;
      clearInterval(again);
      // As long as it takes on a box that is busy: giving up here would end a machine that is well.
      await guest.stats(options.timeoutMs);
      guest.connected = !socket.destroyed;
      return guest;
    } catch (error) {
      guest.#broke();
      throw error;
    } finally {
      clearInterval(again);
      clearTimeout(deadline);
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  setup({ hostname, resolv, hosts, nics, parameters = [] }: GuestNetwork): void {
    const cards = nics.map(({ mac, address = "dhcp", gateway = "-", mtu }): [string, string] => [
      ...(["nic", `${mac} ${address} ${gateway} ${mtu}`] as const),
    ]);
    const routes = nics.flatMap((nic, at) =>
      nic.routes.map((it): [string, string] => ["route", `${at} ${it.destination} ${it.gateway}`]),
    );
    const names: [string, string][] = [
      ["hostname", hostname],
      ["resolv", resolv],
      ["hosts", hosts],
      ...parameters.map((parameter): [string, string] => ["sysctl", parameter]),
    ];
    this.#send(message.setup, 0, encodeFields([...names, ...cards, ...routes]));
  }

  volume(name: string, kind: "memory" | "scratch", bytes: number, group?: VolumeGroup): void {
    this.#send(
      message.volume,
      0,
      encodeFields([["name", name], ["kind", kind], ["bytes", `${bytes}`], ...groupFields(group)]),
    );
  }

  mountVolume(name: string, volume: number, options: MountOptions): void {
    const items: [string, string][] = [
      ["name", name],
      ["kind", "disk"],
      ["disk", `v${volume}`],
      ["readonly", options.readOnly ? "1" : "0"],
      ...groupFields(options.group),
    ];
    if (options.image !== undefined) items.push(["image", `d${options.image}`]);
    this.#send(message.volume, 0, encodeFields(items));
  }

  writeFile(path: string, mode: number, content: Uint8Array, group?: number): void {
    const owner = group === undefined ? "" : `:${group}`;
    const head = new TextEncoder().encode(`${path}\0${mode.toString(8)}${owner}\0`);
    this.#send(message.file, 0, Buffer.concat([head, content]));
  }

  publish(volume: string, set: string): void {
    this.#send(
      message.publish,
      0,
      encodeFields([
        ["name", volume],
        ["set", set],
      ]),
    );
  }

  start(container: ContainerStart): void {
    this.#inputs.get(container.index)?.finish();
    this.#inputs.delete(container.index);
    this.#send(message.start, container.index, encodeFields(startFields(container)));
  }

  signal(container: number, signal: number): void {
    this.#send(message.signal, container, Uint8Array.of(signal));
  }

  run(container: number): ContainerRun | undefined {
    return this.#runs.get(container);
  }

  onOutput(listener: (output: GuestOutput) => void): void {
    this.#listener = listener;
    for (const output of this.#early.splice(0)) listener(output);
  }

  acknowledge(container: number, attempt: number, offset: number): void {
    const body = new Uint8Array(12);
    const view = new DataView(body.buffer);
    view.setUint32(0, attempt, true);
    view.setBigUint64(4, BigInt(offset), true);
    this.#send(message.ack, container, body);
  }

  input(container: number, bytes: Uint8Array): Promise<void> {
    return this.#input(container).write(bytes);
  }

  endInput(container: number): void {
    void this.input(container, new Uint8Array()).then(() =>
      this.#send(message.end, container, new Uint8Array()),
    );
  }

  resize(container: number, width: number, height: number): void {
    this.#send(message.resize, container, sizeBody(width, height));
  }

  exec(
    container: number,
    command: readonly string[],
    options: { tty: boolean; stdin: boolean; user: string; env: readonly string[]; cwd: string },
  ): GuestStream {
    const items: [string, string][] = [
      ["container", `${container}`],
      ["tty", options.tty ? "1" : "0"],
      ["stdin", options.stdin ? "1" : "0"],
      ["user", options.user],
      ["cwd", options.cwd],
      ...command.map((value): [string, string] => ["arg", value]),
      ...options.env.map((value): [string, string] => ["env", value]),
    ];
    return this.#session(message.exec, encodeFields(items), options.tty ? [1] : [1, 2]);
  }

  dial(port: number, address = ""): GuestStream {
    const bytes = address === "" ? [] : address.split(".").map(Number);
    return this.#session(message.connect, Uint8Array.of(port & 255, port >> 8, ...bytes), [1]);
  }

  stats(limitMs: number = statsMs): Promise<readonly ContainerStats[]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => settle(new GuestError("the guest does not answer")), limitMs);
      const settle = (answer: readonly ContainerStats[] | Error): void => {
        clearTimeout(deadline);
        this.#questions.delete(id);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      this.#questions.set(id, settle);
      if (this.#socket.destroyed) settle(new GuestError("the machine is gone"));
      else this.#send(message.stats, id, new Uint8Array());
    });
  }

  powerOff(): void {
    this.#send(message.powerOff, 0, new Uint8Array());
  }

  close(): void {
    this.#broke();
  }

  #input(container: number): SendWindow {
    let window = this.#inputs.get(container);
    if (window === undefined) {
      window = new SendWindow((bytes) => this.#send(message.data, container, bytes));
      this.#inputs.set(container, window);
    }
    return window;
  }

  #session(type: number, body: Uint8Array, channels: readonly (1 | 2)[]): GuestStream {
    const id = this.#next++;
    const session = new SessionStream((kind, bytes) => this.#send(kind, id, bytes), channels);
    this.#sessions.set(id, session);
    if (this.#socket.destroyed) this.#end(id, session, new GuestError("the machine is gone"));
    else this.#send(type, id, body);
    return session;
  }

  #send(type: number, stream: number, body: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame({ type, stream, body }));
  }

  #broke(): void {
    const known = this.connected;
    this.connected = false;
    this.#socket.destroy();
    const error = new GuestError("the machine is gone");
    for (const [id, session] of this.#sessions) this.#end(id, session, error);
    for (const settle of [...this.#questions.values()]) settle(error);
    for (const window of this.#inputs.values()) window.finish();
    if (known) this.#changed();
  }

  #end(id: number, session: SessionStream, error: Error): void {
    session.broke(error);
    this.#sessions.delete(id);
  }

  /** The guest is not trusted: what it says wrong ends the connection. */
  #take(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#frame(frame);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  #frame(frame: Frame): void {
    const { type, stream, body } = frame;
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    if (type === message.hello) this.#onHello();
    else if (type === message.stats) this.#questions.get(stream)?.(parseStats(view));
    else if (stream >= firstSession) this.#sessionFrame(frame, view);
    else if (type === message.data) this.#output(stream, view, body);
    else if (type === message.credit) this.#inputs.get(stream)?.credit(view.getUint32(0, true));
    else if (type === message.started || type === message.exit || type === message.failed) {
      this.#runs.set(stream, this.#parseRun(type, view, body));
      this.#changed();
    }
  }

  #sessionFrame({ type, stream, body }: Frame, view: DataView): void {
    const session = this.#sessions.get(stream);
    if (session === undefined) return;
    if (type === message.started) session.started();
    else if (type === message.credit) session.credit(view.getUint32(0, true));
    else if (type === message.data)
      session.output.push({ channel: body[0] === 2 ? 2 : 1, bytes: body.subarray(1) });
    else if (type === message.end) session.outputEnded(view.getUint8(0));
    else if (type === message.failed)
      this.#end(stream, session, new GuestError(new TextDecoder().decode(body)));
    else if (type === message.exit) {
      session.exited(view.getUint8(0));
      this.#sessions.delete(stream);
    }
  }

  #output(container: number, view: DataView, body: Uint8Array): void {
    const output: GuestOutput = {
      container,
      channel: body[0] === 2 ? 2 : 1,
      attempt: view.getUint32(1, true),
      offset: Number(view.getBigUint64(5, true)),
      at: this.#ago(view, 13),
      bytes: body.subarray(21),
    };
    if (this.#listener === undefined) this.#early.push(output);
    else this.#listener(output);
  }

  #parseRun(type: number, view: DataView, body: Uint8Array): ContainerRun {
    if (type === message.failed)
      return {
        phase: "failed",
        attempt: view.getUint32(0, true),
        message: new TextDecoder().decode(body.subarray(4)),
      };
    if (type === message.started)
      return { phase: "running", attempt: view.getUint32(0, true), startedAt: this.#ago(view, 4) };
    return {
      phase: "exited",
      attempt: view.getUint32(4, true),
      code: view.getUint8(0),
      signal: view.getUint8(1),
      outOfMemory: view.getUint8(2) === 1,
      message: new TextDecoder().decode(body.subarray(24)),
      startedAt: this.#ago(view, 8),
      finishedAt: this.#ago(view, 16),
    };
  }

  #ago(view: DataView, at: number): GuestOutput["at"] {
    return instant(Math.max(0, this.#clock.now() - Number(view.getBigUint64(at, true))));
  }
}

function parseStats(view: DataView): ContainerStats[] {
  const stats: ContainerStats[] = [];
  for (let at = 0; at + 20 <= view.byteLength; at += 20)
    stats.push({
      container: view.getUint32(at, true),
      cpuNanos: view.getBigUint64(at + 4, true) * 1000n,
      memoryBytes: Number(view.getBigUint64(at + 12, true)),
    });
  return stats;
}
