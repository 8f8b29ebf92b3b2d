import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import type { KindDefinition } from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";
import type { StreamedPod } from "../streams/pod-container.ts";
import { withLinksBelow } from "./proxied-links.ts";
import { parseProxiedName } from "./proxied-name.ts";
import { serveProxy } from "./proxy.ts";

describe("who is meant by a name with a colon", () => {
  const rows: readonly (readonly [text: string, said: string])[] = [
    ["web", "http web "],
    ["web:8080", "http web 8080"],
    ["https:web:", "https web "],
    ["http:web:metrics", "http web metrics"],
    ["ftp:web:1", "400"],
    [":1", "400"],
    ["a:b:c:d", "400"],
  ];
  for (const [name, said] of rows)
    it(JSON.stringify(name), () => {
      try {
        const asked = parseProxiedName(name, "pod");
        assert.equal(`${asked.scheme} ${asked.name} ${asked.port}`, said);
      } catch (error) {
        assert.ok(error instanceof StatusError);
        assert.equal(`${error.code}`, said);
      }
    });
});

describe("links of a page", () => {
  const rows: readonly (readonly [page: string, led: string])[] = [
    ['<a href="/x">', '<a href="/p/x">'],
    ["<IMG alt='a > b' SRC='/x'/>", "<IMG alt='a > b' SRC='/p/x'/>"],
    ["<script defer src=/x></script>", "<script defer src=/p/x></script>"],
    [
      '<a href="x"><a href="//h/x"><a href="https://h/x">',
      '<a href="x"><a href="//h/x"><a href="https://h/x">',
    ],
    ['<a title="/x" href="/p/x">', '<a title="/x" href="/p/x">'],
    ['text /x <p href="/x">', 'text /x <p href="/x">'],
  ];
  for (const [page, led] of rows) it(page, () => assert.equal(withLinksBelow(page, "/p"), led));
});

describe("an app behind the API", () => {
  const prefix = "/api/v1/namespaces/shop/pods/web:1/proxy";
  let [app, api] = [createServer(), createServer()];
  let rest: string | undefined = "";
  let plural = "pods";

  const listen = async (server: Server): Promise<number> => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  before(async () => {
    app = createServer(
      (asked, response) => void answer(asked).then((said) => response.writeHead(...said[0]).end(said[1])),
    );
    app.on("upgrade", (_asked, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
      socket.pipe(socket);
    });
    const port = await listen(app);
    const pod: StreamedPod = {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name: "web", namespace: "shop" },
      spec: { nodeName: "box", containers: [{ name: "main", ports: [{ containerPort: 1 }] }] },
      status: { podIP: "10.77.0.10" },
    };
    const options = {
      pod: async () => pod,
      backend: async () => ({ pod, port: 2 }),
      streams: {
        portForward: async (_pod: object, asked: number) => {
          if (asked > 2) throw new Error("connection refused");
          return connect(port, "127.0.0.1");
        },
      },
    };
    const target = () => ({
      ...{ kind: { group: "", plural } as KindDefinition, namespace: "shop", subresource: "proxy" },
      ...{ name: named, ...(rest === undefined ? {} : { rest }) },
    });
    api = createServer((asked, response) => {
      serveProxy(target(), asked, { type: "response", response }, options).catch((error: StatusError) =>
        response.writeHead(error.code).end(error.message),
      );
    });
    api.on("upgrade", (asked, socket, head) => {
      void serveProxy(target(), asked, { type: "upgrade", socket, head }, options);
    });
    await listen(api);
  });
  after(() => {
    for (const server of [app, api]) {
      server.closeAllConnections();
      server.close();
    }
  });

  let named = "web:1";
  const answer = async (
    asked: IncomingMessage,
  ): Promise<readonly [[number, Record<string, string>], string]> => {
    if (asked.url === "/moved") return [[302, { location: "http://10.77.0.10:1/next" }], ""];
    if (asked.url?.startsWith("/page")) return [[200, { "content-type": "text/html" }], '<a href="/x">'];
    const { host, authorization = "none", "x-forwarded-uri": uri = "" } = asked.headers;
    const said = [asked.method, asked.url, host, authorization, uri, await text(asked)];
    return [[201, { "content-type": "text/plain", "x-app": "yes" }], said.join(" ")];
  };
  const ask = async (
    path: string,
    method = "GET",
    body = "",
  ): Promise<IncomingMessage & { said: string }> => {
    const { port } = api.address() as AddressInfo;
    const headers = { authorization: "Bearer secret", "content-length": body.length };
    const asked = request({ port, path: `${prefix}${path}`, method, headers }).end(body);
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    return Object.assign(response, { said: await text(response) });
  };

  it("is asked as the client asked, without what lets the client in", async () => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      rest = "some/where";
      const body = method === "GET" ? "" : "hello";
      const { statusCode, headers, said } = await ask("/some/where?q=1", method, body);
      assert.deepEqual([statusCode, headers["x-app"]], [201, "yes"], `${method} ${said}`);
      assert.equal(said, `${method} /some/where?q=1 10.77.0.10:1 none ${prefix} ${body}`);
    }
  });

  it("leads back through here", async () => {
    rest = "moved";
    assert.equal((await ask("/moved")).headers.location, `${prefix}/next`);
    rest = "page";
    assert.equal((await ask("/page")).said, `<a href="${prefix}/x">`);
    rest = undefined;
    const { statusCode, headers } = await ask("?q=1");
    assert.deepEqual([statusCode, headers.location], [301, `${prefix}/?q=1`]);
  });

  it("is one of a Service's, at its port there", async () => {
    [rest, plural, named] = ["", "services", "web:http"];
    assert.match((await ask("/")).said, /^GET \/ 10\.77\.0\.10:2 none /);
    [plural, named] = ["pods", "web:1"];
  });

  it("is said not to answer when it does not", async () => {
    [rest, named] = ["", "web:9"];
    const { statusCode, said } = await ask("/");
    assert.deepEqual([statusCode, said], [503, "error trying to reach service: connection refused"]);
    named = "web:1";
  });

  it("may agree with the client on another protocol", async () => {
    rest = "ws";
    const { port } = api.address() as AddressInfo;
    const headers = { connection: "Upgrade", upgrade: "echo" };
    const asked = request({ port, path: `${prefix}/ws`, headers }).end();
    const [, socket] = (await once(asked, "upgrade")) as [IncomingMessage, import("node:net").Socket];
    socket.end("over the wire");
    assert.equal(await text(socket), "over the wire");
  });
});
