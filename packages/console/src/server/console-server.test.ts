/** The server over real HTTP. The API behind it is not there: 502 is what whoever was let in is told. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { readAssets } from "./assets.ts";
import { ConsoleServer } from "./console-server.ts";
import { Upstream } from "./upstream.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const clock = new SystemClock();
const upstream = new Upstream({ server: "https://127.0.0.1:1", ca: "", token: "sesame" });
const opened: string[] = [];
const server = new ConsoleServer({
  ...{ assets: readAssets(), upstream, clock, random: new SystemRandom() },
  ...{ log: new Log("test", clock, silentSink), onOpened: (address) => opened.push(address) },
});
let port = 0;
let own = "";

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      method,
      path,
      headers: { host: `127.0.0.1:${port}`, ...headers },
    };
    const outgoing = httpRequest(options, (answer) => {
      text(answer).then((said) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: said });
      }, reject);
    });
    outgoing.on("error", reject).end(body);
  });
}

async function enter(): Promise<Record<string, string>> {
  const secret = server.address.split("#secret=")[1] ?? "";
  const answer = await ask("POST", "/console/session", { origin: own }, JSON.stringify({ secret }));
  assert.equal(answer.status, 200, answer.body);
  const cookie = String(answer.headers["set-cookie"]);
  assert.match(
    cookie,
    new RegExp(`^selvedge-console-${port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
  );
  const { key } = JSON.parse(answer.body) as { key: string };
  return { cookie: cookie.split(";", 1)[0] ?? "", "x-selvedge-key": key };
}

describe("the console's server", () => {
  before(async () => {
    port = await server.listen(0);
    own = `http://127.0.0.1:${port}`;
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    upstream[Symbol.dispose]();
  });

  it("serves a page that takes nothing from elsewhere and runs nothing written into it", async () => {
    const { status, headers, body } = await ask("GET", "/");
    assert.equal(status, 200);
    const policy = String(headers["content-security-policy"]);
    for (const part of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(part), policy);
    }
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.doesNotMatch(body, /<script>|<style|\son\w+=|https?:/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
    assert.ok(nonce.length >= 22 && body.includes(`nonce="${nonce}"`));
    assert.ok(!String((await ask("GET", "/")).headers["content-security-policy"]).includes(nonce));
  });

  it("serves every file that the page needs, without its types, and no other", async () => {
    const main = await ask("GET", "/console/page/main-page.ts");
    assert.match(String(main.headers["content-type"]), /^text\/javascript/);
    const known = await ask("GET", "/console/page/main-page.ts", {
      "if-none-match": String(main.headers["etag"]),
    });
    assert.deepEqual([known.status, known.body], [304, ""]);
    const { body } = await ask("GET", "/");
    const { imports } = JSON.parse(/importmap">(.+?)<\/script>/.exec(body)?.[1] ?? "") as { imports: object };
    for (const path of Object.values(imports)) assert.equal((await ask("GET", path)).status, 200, path);
    for (const path of [
      "/etc/passwd",
      "/console/main.ts",
      "/console/server/door.ts",
      "/package.json",
      "/console/page/",
    ]) {
      assert.equal((await ask("GET", path)).status, 404, path);
    }
    for (const path of [
      "/console/page/../../main.ts",
      "/console/%2e%2e/package.json",
      "/..%2f..%2fetc/passwd",
    ]) {
      assert.equal((await ask("GET", path)).status, 400, path);
    }
  });

  it("lets in who has the secret, once, and tells of the next address", async () => {
    assert.equal((await ask("GET", "/api/v1/pods")).status, 401);
    const before = server.address;
    const session = await enter();
    assert.equal(opened.at(-1), server.address);
    assert.notEqual(server.address, before);
    const secret = before.split("#secret=")[1];
    const again = await ask("POST", "/console/session", { origin: own }, JSON.stringify({ secret }));
    assert.equal(again.status, 401);
    const passed = await ask("GET", "/api/v1/pods", session);
    assert.equal(passed.status, 502);
    assert.match(String(passed.headers["content-security-policy"]), /sandbox/);
    assert.match((JSON.parse(passed.body) as { message: string }).message, /127\.0\.0\.1:1: .*ECONNREFUSED/);
    assert.equal((await ask("GET", "/api/v1/pods", { cookie: session["cookie"] ?? "" })).status, 401);
  });

  it("refuses other names, other origins, and requests that are too long", async () => {
    const session = await enter();
    const wanted: readonly (readonly [number, string, string, Record<string, string>])[] = [
      [421, "GET", "/api/v1/pods", { ...session, host: "evil.example" }],
      [421, "GET", "/", { host: "evil.example" }],
      [403, "GET", "/api/v1/pods", { ...session, origin: "http://evil.example" }],
      [403, "POST", "/api/v1/namespaces/a/pods", { ...session }],
      [403, "POST", "/api/v1/namespaces/a/pods", { ...session, origin: `http://127.0.0.1:${port + 1}` }],
      [413, "POST", "/api/v1/namespaces/a/pods", { ...session, origin: own, "content-length": "300000" }],
      [413, "POST", "/api/v1/namespaces/a/pods", { ...session, origin: own, "transfer-encoding": "chunked" }],
      [413, "POST", "/console/session", { origin: own, "content-length": "5000" }],
    ];
    for (const [status, method, path, headers] of wanted) {
      assert.equal(
        (await ask(method, path, headers)).status,
        status,
        `${method} ${path} ${JSON.stringify(headers)}`,
      );
    }
    for (const body of ["", "null", "{", '{"secret":7}', '{"secret":""}']) {
      assert.equal((await ask("POST", "/console/session", { origin: own }, body)).status, 401, body);
    }
  });

  it("refuses to upgrade for a foreign page, with a whole answer", async () => {
    const session = await enter();
    const socket = connect(port, "127.0.0.1");
    const lines = [
      "GET /api/v1/namespaces/a/pods/b/exec HTTP/1.1",
      ...[`host: 127.0.0.1:${port}`, "origin: http://evil.example", `cookie: ${session["cookie"]}`],
      ...["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"],
      `sec-websocket-protocol: v5.channel.k8s.io, key.${session["x-selvedge-key"]}`,
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*another page asked\n$/);
  });
});
