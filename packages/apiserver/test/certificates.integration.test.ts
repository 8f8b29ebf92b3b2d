/** Client certificates: over both versions of HTTP, on new connections and on resumed sessions. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { ApiServer, ObjectRegistry, SqliteStore } from "../src/index.ts";
import { opensslMissing } from "./api-world.ts";

const folder = mkdtempSync(join(tmpdir(), "selvedge-certificates-"));
const review = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const body = JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" });

function read(name: string): Buffer {
  return readFileSync(join(folder, name));
}

/** A key and a certificate: its own, or signed by an authority. */
function issue(name: string, subject: string, authority?: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" ");
  const signer =
    authority === undefined
      ? []
      : ["-CA", join(folder, `${authority}.pem`), "-CAkey", join(folder, `${authority}.key`)];
  execFileSync("openssl", [...words, "-subj", subject, "-keyout", key, "-out", cert, ...signer], {
    stdio: "ignore",
  });
  return { key: read(`${name}.key`), cert: read(`${name}.pem`) };
}

describe("client certificates", { skip: opensslMissing() }, () => {
  let server: ApiServer;
  let port = 0;
  const store = new SqliteStore(":memory:");
  before(async () => {
    issue("authority", "/CN=authority");
    issue("other", "/CN=other authority");
    const clock = new SystemClock();
    server = new ApiServer({
      objects: new ObjectRegistry([], store, clock, new SeededRandom(1)),
      ...{ clock, log: new Log("test", clock, silentSink) },
      tls: { ...issue("server", "/CN=server"), ca: read("authority.pem") },
    });
    port = await server.listen(0, "127.0.0.1");
  });
  after(async () => {
    await server.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  // biome-ignore lint/suspicious/noExplicitAny: the answer is looked into
  const who = (options: object): Promise<{ status: number; json: Record<string, any> }> =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": body.length };
      const place = { host: "127.0.0.1", port, path: review, method: "POST", rejectUnauthorized: false };
      const outgoing = request({ ...place, headers, agent: false, ...options }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }));
      });
      outgoing.on("error", reject).end(body);
    });

  it("name a user and its groups", async () => {
    const { json } = await who(issue("admin", "/CN=ann/O=system:masters/O=shop", "authority"));
    assert.deepEqual(json["status"].userInfo, {
      username: "ann",
      groups: ["system:masters", "shop", "system:authenticated"],
    });
  });

  it("count for nothing when another authority signed them, or none", async () => {
    assert.equal((await who(issue("fake", "/CN=ann/O=system:masters", "other"))).status, 401);
    assert.equal((await who(issue("self", "/CN=ann/O=system:masters"))).status, 401);
    assert.equal((await who({})).status, 401);
  });

  it("are known on a resumed session", async () => {
    const identity = issue("again", "/CN=ann/O=shop", "authority");
    const open = (session?: Buffer): TLSSocket =>
      connect({
        port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ...identity,
        ...(session && { session }),
      });
    const first = open();
    const [session] = (await once(first, "session")) as [Buffer];
    first.destroy();
    const second = open(session);
    await once(second, "secureConnect");
    assert.equal(second.isSessionReused(), true);
    const head = `POST ${review} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    second.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    let text = "";
    for await (const part of second.setEncoding("utf8")) text += part;
    assert.match(text, /"username":"ann"/);
  });

  it("are known over HTTP/2", async () => {
    const client = connectHttp2(`https://127.0.0.1:${port}`, {
      ...issue("two", "/CN=ann/O=shop", "authority"),
      rejectUnauthorized: false,
    });
    const stream = client.request({ ":path": review, ":method": "POST", "content-type": "application/json" });
    stream.end(body);
    let text = "";
    for await (const part of stream.setEncoding("utf8")) text += part;
    client.close();
    assert.equal(JSON.parse(text).status.userInfo.username, "ann");
  });
});
