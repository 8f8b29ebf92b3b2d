import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { SystemClock } from "@selvedge/base";
import { accessOf, type ClusterAccess } from "@selvedge/client";
import { type Pod, podKind } from "@selvedge/kinds";
import { WebSocket } from "ws";
import { parse } from "yaml";
import { LocalSystem, realNodesMissing } from "../real/local-system.ts";
import { type Bench, type Figure, quantile, round } from "./bench.ts";

const clock = new SystemClock();
/** As many as one node may have. */
const most = 100;
const rounds = 20;
const word = Buffer.alloc(1024, "w");
const carriedBytes = 4 * 2 ** 20;
const [stdin, stdout] = [0, 1];

/** exec through controller, link, engine and agent into one app's machine, by WebSocket. */
export const streamsBench: Bench = {
  name: "streams",
  summary: "1 KiB there and back through 1 and through 100 streams of a node, and what one stream carries",
  missing: () => realNodesMissing() || undefined,
  async *run(progress) {
    progress("up, and one app");
    await using system = await LocalSystem.up({ nodes: 1 });
    await system.demo();
    const access = accessOf(parse(await readFile(system.kubeconfig, "utf8")), system.kubeconfig);
    const { items } = await (await system.client()).list<Pod>(podKind, { namespace: "default" });
    const open = (...command: string[]): Promise<Session> =>
      Session.open(access, items[0]?.metadata.name ?? "", command);
    progress("one stream");
    const first = await open("cat");
    yield* echoes("streams.echo.1", [first], "alone");
    yield await carried(open);
    progress(`${most} streams`);
    const began = clock.monotonic();
    const others: Session[] = [];
    while (others.length < most - 1) others.push(await open("cat"));
    const seconds = round((clock.monotonic() - began) / 1000);
    yield {
      name: `streams.open.${most}`,
      value: seconds,
      unit: "s",
      note: "one after another, a process each",
    };
    const all = [first, ...others];
    yield* echoes(`streams.echo.${most}`, all, "all at once");
    all.pop()?.close();
    const unread = await open("cat", "/dev/zero");
    unread.pause();
    yield* echoes("streams.echo.unread", all, "one more has its windows full, and nobody reads it");
    for (const one of [...all, unread]) one.close();
  },
};

async function* echoes(name: string, sessions: readonly Session[], note: string): AsyncGenerator<Figure> {
  const spans: number[] = [];
  for (let turn = 0; turn < rounds; turn++) {
    const began = clock.monotonic();
    await Promise.all(
      sessions.map(async (session) => {
        await session.echo();
        spans.push(clock.monotonic() - began);
      }),
    );
  }
  yield { name: `${name}.p50`, value: round(quantile(spans, 0.5)), unit: "ms", note };
  yield { name: `${name}.p99`, value: round(quantile(spans, 0.99)), unit: "ms", note };
}

async function carried(open: (...command: string[]) => Promise<Session>): Promise<Figure> {
  const session = await open("head", "-c", `${carriedBytes}`, "/dev/zero");
  const began = clock.monotonic();
  await session.received(carriedBytes);
  const value = round(carriedBytes / 2 ** 20 / ((clock.monotonic() - began) / 1000), 1);
  return { name: "streams.carries", value, unit: "MiB/s", note: `${carriedBytes} bytes out of one command` };
}

/** A command in the app, by the channels of Kubernetes' protocol: a byte says which. */
class Session {
  readonly #socket: WebSocket;
  #bytes = 0;
  #wanted: { readonly bytes: number; readonly resolve: () => void } | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      if (data[0] === stdout) this.#bytes += data.length - 1;
      if (this.#wanted === undefined || this.#bytes < this.#wanted.bytes) return;
      this.#wanted.resolve();
      this.#wanted = undefined;
    });
  }

  static async open({ server, ...tls }: ClusterAccess, pod: string, command: string[]): Promise<Session> {
    const query = new URLSearchParams([
      ...command.map((one) => ["command", one]),
      ...[
        ["container", "web"],
        ["stdin", "1"],
        ["stdout", "1"],
      ],
    ]);
    const url = `${server.replace(/^http/, "ws")}/api/v1/namespaces/default/pods/${pod}/exec?${query}`;
    const socket = new WebSocket(url, ["v5.channel.k8s.io"], tls);
    const session = new Session(socket);
    await once(socket, "open");
    return session;
  }

  async echo(): Promise<void> {
    const whole = this.received(this.#bytes + word.length);
    this.#socket.send(Buffer.concat([Buffer.of(stdin), word]));
    await whole;
  }

  /** Resolves once so many bytes have come in all. */
  received(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#bytes >= bytes) resolve();
    else this.#wanted = { bytes, resolve };
    return promise;
  }

  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.terminate();
  }
}
