/** Apps that speak TLS, through the proxy of an API server: `https:NAME:PORT`, by requests and by stock kubectl. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, request, type Server } from "node:https";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { namespaceKind, type Pod, podKind, serviceKind } from "@selvedge/kinds";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiServer, ObjectRegistry, type ProxyOptions, SqliteStore, serveProxy } from "../src/index.ts";
import { opensslMissing } from "./api-world.ts";
import { LocalStreams } from "./local-streams.ts";

const run = promisify(execFile);
const noKubectl = await kubectlMissing("1.35");

describe("an app that speaks TLS", { skip: opensslMissing() }, () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-proxy-"));
  const store = new SqliteStore(join(folder, "store.db"));
  const streams = new LocalStreams();
  const clock = new SystemClock();
  let app: Server;
  let plain: TcpServer;
  let api: ApiServer;
  let pod: Pod;
  let port = 0;
  let [appPort, plainPort] = [0, 0];
  /** By which name of a server it was asked, and by what TLS. */
  let asked: (string | undefined)[] = [];

  const certificate = (name: string, days: string): { key: Buffer; cert: Buffer } => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -days ${days}`;
    execFileSync("openssl", [...words.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  };
  const listen = async (server: TcpServer): Promise<number> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  before(async () => {
    // Signed by nobody, for another name.
    app = createServer(certificate("somebody.else", "1"), (said, response) => {
      asked.push((said.socket as { servername?: string | false } & Socket).servername || undefined);
      if (said.url === "/moved") {
        response.writeHead(302, { location: `https://10.77.0.10:${appPort}/next` }).end();
        return;
      }
      void text(said).then((body) => response.end(`${said.method} ${said.url} ${body}`));
    });
    app.on("upgrade", (_asked, socket: Socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.pipe(socket);
    });
    appPort = await listen(app);
    plain = createTcpServer((socket) =>
      socket.on("error", () => undefined).end("HTTP/1.1 400 no TLS\r\n\r\n"),
    );
    plainPort = await listen(plain);
    const objects = new ObjectRegistry(
      [namespaceKind, podKind, serviceKind],
      store,
      clock,
      new SeededRandom(1),
    );
    const options: ProxyOptions = {
      pod: (namespace, name) => objects.get<Pod>(podKind, name, namespace),
      backend: async () => ({ pod, port: appPort }),
      // As the link's streams, no socket of the kernel's.
      streams: {
        portForward: async (...to) => {
          const socket = await streams.portForward(...to);
          const [near, far] = duplexPair();
          pipeline(far, socket, far).catch(() => near.destroy());
          return near;
        },
      },
    };
    api = new ApiServer({
      ...{ objects, clock, log: new Log("test", clock, silentSink), tls: certificate("api", "2") },
      tokens: new Map([
        [createHash("sha256").update("letmein").digest("hex"), { name: "root", groups: ["system:masters"] }],
      ]),
      subresource: (target, said, answer) => serveProxy(target, said, answer, options),
    });
    port = await api.listen(0, "127.0.0.1");
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
    await objects.create(namespaceKind, namespace);
    const made = await objects.create(podKind, {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "default" } },
      spec: {
        nodeName: "box",
        containers: [{ name: "main", image: "x", ports: [{ containerPort: appPort }] }],
      },
    });
    const status = { phase: "Running", podIP: "10.77.0.10" };
    pod = (await objects.updateStatus(podKind, { ...made, status })) as unknown as Pod;
  });
  after(async () => {
    app.closeAllConnections();
    app.close();
    plain.close();
    await api.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const base = (what: string): string => `/api/v1/namespaces/default/${what}/proxy`;
  const options = (path: string): object => ({
    ...{ port, host: "127.0.0.1", path, rejectUnauthorized: false, agent: false },
    headers: { authorization: "Bearer letmein" },
  });
  const ask = async (
    path: string,
    method = "GET",
    body = "",
  ): Promise<IncomingMessage & { said: string }> => {
    const outgoing = request({ ...options(path), method }).end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return Object.assign(response, { said: await text(response) });
  };

  const ways = [
    ["a Pod's first port", () => "pods/https:web:"],
    ["a Pod's port by number", () => `pods/https:web:${appPort}`],
    ["a Service's port by name", () => "services/https:web:metrics"],
  ] as const;
  for (const [what, place] of ways) {
    it(`is reached at ${what}, whoever signed its certificate`, async () => {
      asked = [];
      const { statusCode, said } = await ask(`${base(place())}/some/where?q=1`);
      assert.deepEqual([statusCode, said], [200, "GET /some/where?q=1 "]);
      assert.equal((await ask(`${base(place())}/`, "POST", "hello")).said, "POST / hello");
      const { location } = (await ask(`${base(place())}/moved`)).headers;
      assert.equal(location, `${base(place())}/next`);
      // An address is no name of a server.
      assert.deepEqual(asked, [undefined, undefined, undefined]);
    });
  }

  it("may agree with the client on another protocol", async () => {
    const { headers } = options("") as { headers: object };
    const upgrade = {
      ...options(`${base("pods/https:web:")}/ws`),
      headers: { ...headers, connection: "Upgrade", upgrade: "echo" },
    };
    const [, socket] = (await once(request(upgrade).end(), "upgrade")) as [IncomingMessage, Socket];
    socket.write("over the wire");
    const [echo] = await once(socket, "data");
    assert.equal(`${echo}`, "over the wire");
    socket.destroy();
  });

  it("is not confused with one that does not, either way", async () => {
    const toPlain = await ask(`${base(`pods/https:web:${plainPort}`)}/`);
    assert.equal(toPlain.statusCode, 503);
    assert.match(toPlain.said, /error trying to reach service: /);
    const toTls = await ask(`${base(`pods/http:web:${appPort}`)}/`);
    assert.equal(toTls.statusCode, 503);
    const upgrade = { ...options(`${base(`pods/https:web:${plainPort}`)}/ws`) } as { headers: object };
    const outgoing = request({
      ...upgrade,
      headers: { ...upgrade.headers, connection: "Upgrade", upgrade: "echo" },
    });
    const [refused] = (await once(outgoing.end(), "response")) as [IncomingMessage];
    assert.equal(refused.statusCode, 503);
    assert.match(await text(refused), /error trying to reach service: /);
    assert.equal((await ask(`${base("pods/https:web:")}/`)).statusCode, 200, "the server goes on");
  });

  it("is shown by kubectl get --raw", { skip: noKubectl }, async () => {
    const access = [`--server=https://127.0.0.1:${port}`, "--insecure-skip-tls-verify", "--token=letmein"];
    const words = [
      "--kubeconfig=/dev/null",
      ...access,
      "get",
      "--raw",
      `${base(`pods/https:web:${appPort}`)}/x`,
    ];
    const { stdout } = await run((await kubectl("1.35")) ?? "", words, { env: { HOME: folder } });
    assert.equal(stdout, "GET /x ");
  });
});
