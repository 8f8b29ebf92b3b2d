import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ext, LinkMux, type LinkSocket, type LinkStream } from "@selvedge/eve-api";
import type { AppId } from "../src/desired.ts";
import { AppWorld, skip } from "./app-world.ts";

/** One end of a link in memory. */
class MemorySocket implements LinkSocket {
  readonly bufferedBytes = 0;
  peer: MemorySocket | undefined;
  #onMessage: (message: Uint8Array) => void = () => {};
  send(message: Uint8Array): void {
    setImmediate(() => this.peer?.deliver(message));
  }
  deliver(message: Uint8Array): void {
    this.#onMessage(message);
  }
  close(): void {}
  onMessage(listener: (message: Uint8Array) => void): void {
    this.#onMessage = listener;
  }
  onClose(): void {}
}

type What = NonNullable<MessageInitShape<typeof ext.LinkOpenSchema>["what"]>;

/** What came of a stream that has ended. */
interface Heard {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number | undefined;
  readonly error: string | undefined;
}

describe("streams into real machines", { skip, timeout: 900_000 }, () => {
  let world: AppWorld;
  let link: LinkMux;
  let node: LinkMux;
  let id: AppId;

  before(async () => {
    world = await AppWorld.open();
    const [left, right] = [new MemorySocket(), new MemorySocket()];
    [left.peer, right.peer] = [right, left];
    const { clock } = world;
    node = new LinkMux({
      socket: right,
      clock,
      end: "engine",
      onOpen: (stream) => world.domain.streams.open(stream),
    });
    link = new LinkMux({ socket: left, clock, end: "controller" });
    const script =
      "if [ -e /data/second ]; then echo again; else touch /data/second; echo first; exit 7; fi;" +
      " httpd -p 8080 -h /www; echo done; exec sleep 1000";
    id = world.apply("web", {
      restartPolicy: ext.RestartPolicy.ALWAYS,
      volumes: [{ name: "data", source: { case: "emptyDir", value: {} } }],
      containers: [
        {
          name: "main",
          command: ["sh", "-c", script],
          env: [{ name: "A", source: { case: "value", value: "1" } }],
          volumeMounts: [{ volume: "data", mountPath: "/data" }],
        },
        { name: "echo", command: ["cat"], stdin: true },
        { name: "shell", command: ["sh"], stdin: true },
      ],
    });
    await world.untilLog(id, /main: done/);
  });

  after(async () => {
    link.close();
    node.close();
    await world[Symbol.asyncDispose]();
  });

  const open = (what: What, container = "main"): Promise<LinkStream> =>
    link.open({ appId: id, container, what });

  async function hear(stream: LinkStream): Promise<Heard> {
    const text = ["", "", ""];
    let exit: number | undefined;
    stream.onData((channel, bytes) => {
      text[channel] += new TextDecoder().decode(bytes);
    });
    stream.onExit((code) => {
      exit = code;
    });
    const error = await stream.closed;
    return { stdout: text[1] ?? "", stderr: text[2] ?? "", exit, error: error?.message };
  }

  const exec = (command: string[], more: object = {}): Promise<LinkStream> =>
    open({ case: "exec", value: { command, stdin: true, stdout: true, stderr: true, ...more } });

  it("execs with the container's variables, and gives output and exit code", async () => {
    const heard = await hear(await exec(["sh", "-c", "echo out $A; echo err >&2; exit 5"]));
    assert.deepEqual(heard, { stdout: "out 1\n", stderr: "err\n", exit: 5, error: undefined });
  });

  it("carries megabytes both ways, and ends when the input ends", async () => {
    const stream = await exec(["cat"]);
    const heard = hear(stream);
    const part = new Uint8Array(100_000).fill(120);
    for (let round = 0; round < 20; round++) await stream.write(0, part);
    stream.end(0);
    await stream.closed;
    const { stdout, exit } = await heard;
    assert.deepEqual([stdout.length, exit], [2_000_000, 0]);
  });

  it("gives a terminal with a size", async () => {
    const stream = await exec(["sh"], { tty: true, stderr: false });
    const heard = hear(stream);
    stream.resize(91, 17);
    await stream.write(0, new TextEncoder().encode("busybox stty size; exit 3\n"));
    const { stdout, exit } = await heard;
    assert.match(stdout, /17 91/);
    assert.equal(exit, 3);
  });

  it("says in Kubernetes' words why not", async () => {
    await assert.rejects(exec(["nothing"]), /exec: "nothing": executable file not found in \$PATH/);
    await assert.rejects(
      open({ case: "exec", value: { command: ["ls"] } }, "other"),
      /container other is not valid/,
    );
    await assert.rejects(open({ case: "port", value: { port: 81 } }), /port 81 .*connection refused/);
  });

  it("forwards a port, with half close", async () => {
    const stream = await open({ case: "port", value: { port: 8080 } });
    const heard = hear(stream);
    await stream.write(0, new TextEncoder().encode("GET /index.html HTTP/1.0\r\n\r\n"));
    stream.end(0);
    assert.match((await heard).stdout, /200 OK[\s\S]*hello\n$/);
  });

  it("reads logs: all, the last lines, with times, of the attempt before", async () => {
    const logs = async (query: object): Promise<string> =>
      (await hear(await open({ case: "logs", value: query }))).stdout;
    assert.equal(await logs({}), "again\ndone\n");
    assert.equal(await logs({ tailLines: 1n }), "done\n");
    assert.equal(await logs({ limitBytes: 3n }), "aga");
    assert.match(
      await logs({ timestamps: true, tailLines: 1n }),
      /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z done\n$/,
    );
    assert.equal(await logs({ previous: true }), "first\n");
  });

  it("attaches to what runs, and follows its log", async () => {
    const follow = await open({ case: "logs", value: { follow: true } }, "echo");
    const followed = new Promise<string>((resolve) =>
      follow.onData((_channel, bytes) => resolve(new TextDecoder().decode(bytes))),
    );
    const stream = await open({ case: "attach", value: { stdin: true, stdout: true, stderr: true } }, "echo");
    const came = new Promise<string>((resolve) =>
      stream.onData((_channel, bytes) => resolve(new TextDecoder().decode(bytes))),
    );
    await stream.write(0, new TextEncoder().encode("hello\n"));
    assert.deepEqual(await Promise.all([came, followed]), ["hello\n", "hello\n"]);
    follow.reset();
    stream.end(0);
    const next = await open({ case: "attach", value: { stdin: true, stdout: true, stderr: true } }, "echo");
    const again = new Promise<string>((resolve) =>
      next.onData((_channel, bytes) => resolve(new TextDecoder().decode(bytes))),
    );
    await next.write(0, new TextEncoder().encode("again\n"));
    assert.equal(await again, "again\n", "the input of a container stays open for the next");
    next.reset();
  });

  it("measures what runs", async () => {
    const usage = await world.domain.usages.usage(id);
    assert.deepEqual(
      usage?.containers.map(({ name }) => name),
      ["main", "echo", "shell"],
    );
    assert.ok((usage?.cpuNanos ?? 0n) > 0n && (usage?.memoryBytes ?? 0) > 2 ** 20);
  });

  it("ends an attach well, however what it was attached to ends", async () => {
    const stream = await open(
      { case: "attach", value: { stdin: true, stdout: true, stderr: true } },
      "shell",
    );
    const heard = hear(stream);
    await stream.write(0, new TextEncoder().encode("echo bye; exit 3\n"));
    assert.deepEqual(await heard, { stdout: "bye\n", stderr: "", exit: 0, error: undefined });
  });
});
