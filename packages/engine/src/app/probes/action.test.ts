import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { SystemClock } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { Guest, GuestStream } from "../hypervisor.ts";
import { runAction } from "./action.ts";
import type { ActionTarget } from "./action-target.ts";

let dialled = "";

/** A machine whose loopback is ours, and so is everything that it reaches. */
function dial(port: number, address = "127.0.0.1"): GuestStream {
  dialled = address;
  const socket = connect(port, "127.0.0.1");
  const opened = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  opened.catch(() => {});
  async function* output(): AsyncGenerator<{ channel: 1; bytes: Uint8Array }> {
    for await (const bytes of socket) yield { channel: 1, bytes };
  }
  return {
    opened,
    output: output(),
    write: async (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    resize: () => {},
    exit: Promise.resolve(0),
    close: () => void socket.destroy(),
  };
}

const target: ActionTarget = {
  ...{ guest: { dial } as unknown as Guest, index: 1, user: "", env: [], cwd: "/", podIp: "10.1.2.3" },
};
const run = (action: ext.ProbeAction["action"]): ReturnType<typeof runAction> =>
  runAction(
    create(ext.ProbeActionSchema, { action }),
    target,
    new SystemClock(),
    10_000,
    new AbortController().signal,
  );

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

describe("a probe by HTTP", () => {
  const ways: Record<string, readonly [number, string?]> = {
    "/ok": [200],
    "/bad": [500],
    "/to-ok": [302, "/ok"],
    "/to-bad": [302, "/bad"],
    "/away": [302, "http://elsewhere.test/"],
    "/round": [302, "/round"],
  };
  const server = createHttp((request, response) => {
    const [status, location] = ways[request.url ?? ""] ?? [404];
    response.writeHead(status, location === undefined ? {} : { location }).end();
  });
  let port = 0;
  before(async () => {
    port = await listen(server);
  });
  after(() => server.close());
  const rows: [path: string, result: object][] = [
    ["/ok", { ok: true }],
    ["/bad", { ok: false, message: "HTTP probe failed with statuscode: 500" }],
    ["/to-ok", { ok: true }],
    ["/to-bad", { ok: false, message: "HTTP probe failed with statuscode: 500" }],
    ["/away", { ok: true, warning: "Probe terminated redirects, it leads to elsewhere.test" }],
    ["/round", { ok: false, message: "stopped after 10 redirects" }],
  ];
  for (const [path, result] of rows)
    it(path, async () => {
      const value = create(ext.HttpGetActionSchema, { path, port, scheme: "HTTP" });
      assert.deepEqual(await run({ case: "httpGet", value }), result);
    });
});

describe("a probe of another host", () => {
  const server = createHttp((_request, response) => response.end());
  let port = 0;
  before(async () => {
    port = await listen(server);
  });
  after(() => server.close());
  const rows: [host: string, dialled: string | undefined][] = [
    ["10.1.2.3", "127.0.0.1"],
    ["localhost", "127.0.0.1"],
    ["10.1.2.4", "10.1.2.4"],
    ["web.example", undefined],
  ];
  for (const [host, expected] of rows)
    it(host, async () => {
      const http = create(ext.HttpGetActionSchema, { path: "/", port, scheme: "HTTP", host });
      const tcp = create(ext.TcpActionSchema, { port, host });
      for (const action of [
        { case: "httpGet", value: http } as const,
        { case: "tcp", value: tcp } as const,
      ]) {
        const result = await run(action);
        assert.equal(result.ok, expected !== undefined, JSON.stringify(result));
        if (expected !== undefined) assert.equal(dialled, expected);
      }
    });
});

describe("a probe by gRPC", () => {
  const asked: string[] = [];
  const server = createHttp2();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const path = headers[":path"] ?? "";
    let body = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      body = Buffer.concat([body, chunk]);
    });
    stream.on("end", () => {
      const service = body.subarray(7).toString();
      asked.push(`${path} ${service}`);
      const known = service !== "unknown";
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": known ? "0" : "5" }));
      stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, service === "sick" ? 2 : 1]) : undefined);
    });
  });
  let port = 0;
  before(async () => {
    port = await listen(server);
  });
  after(() => server.close());
  const rows: [service: string, result: RegExp | undefined][] = [
    ["", undefined],
    ["web", undefined],
    ["sick", /^service unhealthy \(responded with "NOT_SERVING"\)$/],
    ["unknown", /^rpc to the health service at port \d+: code 5: $/],
  ];
  for (const [service, fault] of rows)
    it(service || "of the whole server", async () => {
      const value = create(ext.GrpcActionSchema, { port, service });
      const result = await run({ case: "grpc", value });
      assert.equal(result.ok, fault === undefined, JSON.stringify(result));
      if (!result.ok && fault !== undefined) assert.match(result.message, fault);
      assert.equal(asked.at(-1), `/grpc.health.v1.Health/Check ${service}`);
    });

  it("fails where nobody listens", async () => {
    const value = create(ext.GrpcActionSchema, { port: 1, service: "" });
    const result = await run({ case: "grpc", value });
    assert.ok(!result.ok && /^failed to connect service at port 1: /.test(result.message));
  });
});
