import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { WebSocketServer } from "ws";
import { diskConformance } from "../../harness/src/disk/disk.conformance.ts";
import { openKernelSource } from "../src/control/logs/linux/kernel-source.ts";
import { DiskFullError } from "../src/host/disk.ts";
import { HttpError, readBody } from "../src/host/http.ts";
import { LinuxDisk } from "../src/host/linux/linux-disk.ts";
import { readHostFacts } from "../src/host/linux/linux-host-facts.ts";
import { NodeHttpClient } from "../src/host/linux/node-http-client.ts";
import { WsLinkDialer } from "../src/host/linux/ws-link-dialer.ts";
import { LinkUnsupportedError } from "../src/ports.ts";
import { recordedKey } from "./scripted-gateway.ts";

class TemporaryDisk extends LinuxDisk implements AsyncDisposable {
  readonly #folder: string;

  constructor(folder: string) {
    super(folder);
    this.#folder = folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const open = async (): Promise<TemporaryDisk> =>
  new TemporaryDisk(join(mkdtempSync(join(tmpdir(), "selvedge-disk-")), "state"));

diskConformance("LinuxDisk", open);

describe("LinuxDisk", () => {
  it("keeps records to itself and leaves content readable for QEMU", async () => {
    await using disk = await open();
    await disk.writeDurable("identity/keys.json", Uint8Array.of(1));
    await disk.append("content/blob", Uint8Array.of(1));
    assert.equal(statSync(disk.absolute("identity/keys.json")).mode & 0o777, 0o600);
    assert.equal(statSync(disk.absolute("content/blob")).mode & 0o777, 0o644);
  });
});

describe("LinuxDisk that is full", {
  skip: process.getuid?.() === 0 ? false : "only root can mount a small disk",
}, () => {
  it("says so, and keeps what it has", async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", folder]);
    try {
      const disk = new LinuxDisk(folder);
      await disk.writeDurable("record", Uint8Array.of(1));
      const large = new Uint8Array(256 * 1024);
      await assert.rejects(disk.writeDurable("record", large), DiskFullError);
      await assert.rejects(disk.append("content", large), DiskFullError);
      assert.deepEqual(await disk.read("record"), Buffer.of(1));
      await disk.remove("content");
      await disk.writeDurable("record", Uint8Array.of(2));
      assert.deepEqual(await disk.list(""), ["record"]);
    } finally {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    }
  });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly sockets: readonly Socket[];
}

async function serve(handler: Handler, tls = true): Promise<Served> {
  const server = tls
    ? createServer({ cert: recordedKey("server.pem"), key: recordedKey("server-key.pem") }, handler)
    : createPlainServer(handler);
  const sockets: Socket[] = [];
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => sockets.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const certificates = [recordedKey("root.pem")];
const timeoutMs = 10_000;
const text = async (body: Promise<Uint8Array>): Promise<string> => new TextDecoder().decode(await body);

describe("NodeHttpClient", () => {
  it("posts and reads over one kept connection, trusting the roots it is given", async () => {
    await using server = await serve((request, response) => {
      request.pipe(response.writeHead(201, { "X-Name": "value" }));
    });
    using client = new NodeHttpClient();
    for (const message of ["one", "two", "three"]) {
      const body = new TextEncoder().encode(message);
      const answer = await client.send({ method: "POST", url: server.url, body, certificates, timeoutMs });
      assert.equal(answer.status, 201);
      assert.equal(answer.headers["x-name"], "value");
      assert.equal(await text(readBody(answer, 100)), message);
    }
    assert.equal(server.sockets.length, 1);
  });

  it("refuses a server that its roots do not vouch for", async () => {
    await using server = await serve((_request, response) => response.end());
    using client = new NodeHttpClient();
    const other = [recordedKey("onboard.pem")];
    await assert.rejects(
      client.send({ method: "GET", url: server.url, certificates: other, timeoutMs }),
      HttpError,
    );
    await assert.rejects(client.send({ method: "GET", url: server.url, timeoutMs }), HttpError);
  });

  it("goes through the proxy that stands in the way, and tells why one does not let it", async () => {
    await using server = await serve((_request, response) => response.end("through"));
    const asked: string[] = [];
    const proxy = createPlainServer().on("connect", (request: IncomingMessage, socket: Socket) => {
      asked.push(request.url ?? "");
      if (asked.length > 1) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      const [host = "", port = ""] = (request.url ?? "").split(":");
      const out = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(out).pipe(socket);
      });
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    using client = new NodeHttpClient();
    const place = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    client.proxyFor = () => ({ server: place, certificates: [] });
    const answer = await client.send({ method: "GET", url: server.url, certificates, timeoutMs });
    assert.equal(new TextDecoder().decode(await readBody(answer, 100)), "through");
    assert.deepEqual(asked, [new URL(server.url).host]);
    using second = new NodeHttpClient();
    second.proxyFor = () => ({ server: place, certificates: [] });
    await assert.rejects(
      second.send({ method: "GET", url: server.url, certificates, timeoutMs }),
      /proxy 127\.0\.0\.1:\d+ answers 403/,
    );
    proxy.closeAllConnections();
    proxy.close();
  });

  it("trusts roots of its own besides the system's when asked to", async () => {
    await using server = await serve((_request, response) => response.end("ok"));
    using client = new NodeHttpClient();
    const request = { method: "GET", url: server.url, certificates, timeoutMs, systemRoots: true } as const;
    assert.equal(await text(readBody(await client.send(request), 100)), "ok");
    const other = { ...request, certificates: [recordedKey("onboard.pem")] };
    await assert.rejects(client.send(other), HttpError);
  });

  it("sends again what a kept connection died with", async () => {
    await using server = await serve((_request, response) => response.end("ok"), false);
    using client = new NodeHttpClient();
    const get = async (): Promise<string> =>
      await text(readBody(await client.send({ method: "GET", url: server.url, timeoutMs }), 100));
    assert.equal(await get(), "ok");
    for (const socket of server.sockets) socket.resetAndDestroy();
    assert.equal(await get(), "ok");
  });

  it("gives up on a server that does not answer, and on an answer that stops", async () => {
    await using silent = await serve(() => undefined, false);
    await using stops = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "10" }).write("half");
    }, false);
    using client = new NodeHttpClient();
    const soon = 200;
    await assert.rejects(
      client.send({ method: "GET", url: silent.url, timeoutMs: soon }),
      /no answer in 200 ms/,
    );
    const answer = await client.send({ method: "GET", url: stops.url, timeoutMs: soon });
    await assert.rejects(readBody(answer, 100), HttpError);
  });

  it("says when an answer broke off", async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "10" }).write("half", () => response.destroy());
    }, false);
    using client = new NodeHttpClient();
    const answer = await client.send({ method: "GET", url: server.url, timeoutMs });
    await assert.rejects(readBody(answer, 100), /broke off/);
  });

  it("stops with the reason it is given", async () => {
    await using silent = await serve(() => undefined, false);
    using client = new NodeHttpClient();
    const stop = new AbortController();
    const sent = client.send({ method: "GET", url: silent.url, timeoutMs, signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(sent, /enough/);
  });
});

describe("WsLinkDialer", () => {
  it("carries whole messages, also those that came before anybody listened", async () => {
    const server = createServer({ cert: recordedKey("server.pem"), key: recordedKey("server-key.pem") });
    new WebSocketServer({ server }).on("connection", (socket) => {
      socket.send("early");
      socket.on("message", (message) => socket.send(message));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/link`;
    const socket = await new WsLinkDialer().dial(url, certificates, AbortSignal.timeout(timeoutMs));
    await new Promise((resolve) => setImmediate(resolve));
    const got: string[] = [];
    const two = Promise.withResolvers<void>();
    socket.onMessage((message) => {
      got.push(new TextDecoder().decode(message));
      if (got.length === 2) two.resolve();
    });
    socket.send(new TextEncoder().encode("hello"));
    await two.promise;
    assert.deepEqual(got, ["early", "hello"]);
    const closed = new Promise<void>((resolve) => socket.onClose(resolve));
    server.closeAllConnections();
    socket.close();
    await closed;
    server.close();
  });

  it("tells a controller without a link from one that is away", async () => {
    await using none = await serve((_request, response) => response.writeHead(404).end());
    await using busy = await serve((_request, response) => response.writeHead(503).end());
    const dial = (url: string): Promise<unknown> =>
      new WsLinkDialer().dial(url.replace("https", "wss"), certificates, AbortSignal.timeout(timeoutMs));
    await assert.rejects(dial(none.url), LinkUnsupportedError);
    await assert.rejects(dial(busy.url), /503/);
  });
});

it("the facts of this box are those of /proc", async () => {
  const facts = await readHostFacts();
  assert.equal(facts.bootId, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  assert.ok(facts.cpus >= 1 && facts.memoryBytes > 2 ** 20 && facts.bootedAt > 0);
  const { cpuNanos, memoryUsedBytes } = await facts.usage();
  assert.ok(cpuNanos > 0n && memoryUsedBytes > 0);
});

it("the kernel's log is read from the beginning, and then what is new", async (test) => {
  await using source = await openKernelSource(instant(0));
  if (source === undefined) return test.skip("/dev/kmsg cannot be opened here");
  const oldest = oldestRecord();
  const first = await source.read();
  const last = first.at(-1)?.sequence ?? -1;
  assert.equal(first.length > 0, oldest !== undefined, "what the kernel has said is there");
  assert((first[0]?.sequence ?? 0) >= (oldest ?? 0));
  assert(first.every(({ severity, at }) => severity >= 0 && severity <= 7 && at >= 0));
  assert((await source.read()).every(({ sequence }) => sequence > last));
});

/** The number of the oldest record of the kernel's log; undefined where it has said nothing. */
function oldestRecord(): number | undefined {
  const file = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
  const record = Buffer.alloc(8192);
  try {
    return Number(record.toString("utf8", 0, readSync(file, record)).split(",")[1]);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}
