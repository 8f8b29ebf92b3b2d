/** Disk images from every kind of datastore that is no registry, each asked over a real connection. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  createHash,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  verify,
} from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, createServer as plainServer, type ServerResponse } from "node:http";
import { createServer as tlsServer } from "node:https";
import { type AddressInfo, createServer as tcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { createContentDomain } from "../src/content/content-domain.ts";
import type { ContentId, ContentSpec, Datastore, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import { NodeHttpClient } from "../src/host/linux/node-http-client.ts";
import { SshSftpClient } from "../src/host/linux/ssh-sftp-client.ts";
import type { ContentStatus } from "../src/observed.ts";
import { FolderDisk } from "./folder-disk.ts";

const bytes = randomBytes(3 * 2 ** 20 + 17);
const sha256 = createHash("sha256").update(bytes).digest("hex");
const images = {
  sha256: async (path: string) =>
    createHash("sha256")
      .update(await readFile(join(folder, path)))
      .digest("hex"),
  build: async () => {
    throw new Error("nothing is built here");
  },
};
let folder = "";
const fromBase64url = (it: string): Buffer => Buffer.from(it, "base64url");

async function fetched(
  datastores: readonly Partial<Datastore>[],
  more: Partial<ContentSpec> = {},
  settings: ReadonlyMap<string, string> = new Map(),
): Promise<{ status: ContentStatus; phases: string[]; content: Buffer | undefined }> {
  folder = await mkdtemp(join(tmpdir(), "svf-"));
  const store = new EngineStore();
  const clock = new SystemClock();
  using http = new NodeHttpClient();
  const disk = new FolderDisk(folder);
  const parts = { store, disk, clock, random: new SeededRandom(1), log: new Log("test", clock, silentSink) };
  await using domain = createContentDomain({
    ...{ ...parts, http, images, sftp: new SshSftpClient(), architecture: "amd64" },
  });
  const id = "c" as ContentId;
  const spec: ContentSpec = {
    ...{ id, format: "raw", url: "a b/disk.img", sha256, maxSizeBytes: 0 },
    datastores: datastores.map((it) => ({
      ...{ id: "d", type: "http", fqdn: "", path: "images", region: "", certificates: [] },
      credentials: async () => undefined,
      ...it,
    })),
    ...more,
  };
  const phases: string[] = [];
  const over = Promise.withResolvers<ContentStatus>();
  store.contents.subscribe(() => {
    const status = store.contents.get(id);
    if (status === undefined) return;
    if (phases.at(-1) !== status.phase) phases.push(status.phase);
    if (status.phase === "ready" || status.phase === "failed") over.resolve(status);
  });
  try {
    await domain.start();
    store.desired.set({ apps: [], volumes: [], contents: [spec], settings } as unknown as DesiredState);
    const status = await over.promise;
    return { status, phases, content: status.phase === "ready" ? await readFile(status.path) : undefined };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function serveBytes(request: IncomingMessage, response: ServerResponse, cutAt = bytes.length): void {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const headers = { "content-length": bytes.length - start };
  const range = { ...headers, "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start > 0 ? 206 : 200, start > 0 ? range : headers);
  if (start >= cutAt || cutAt >= bytes.length) return void response.end(bytes.subarray(start));
  response.write(bytes.subarray(start, cutAt), () => setImmediate(() => response.destroy()));
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function listening(
  server: ReturnType<typeof plainServer>,
): Promise<AsyncDisposable & { port: number }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A certificate for 127.0.0.1 that nobody knows but the datastore. */
async function tls(handler: Handler): Promise<AsyncDisposable & { port: number; pem: string }> {
  const at = await mkdtemp(join(tmpdir(), "svt-"));
  const subject = ["-subj", "/CN=files", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
  const files = ["-keyout", join(at, "key"), "-out", join(at, "cert")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  execFileSync("openssl", [...request, ...subject, ...files], { stdio: "ignore" });
  const [key, pem] = await Promise.all([readFile(join(at, "key")), readFile(join(at, "cert"), "utf8")]);
  await rm(at, { recursive: true });
  return Object.assign(await listening(tlsServer({ key, cert: pem }, handler) as never), { pem });
}

describe("a disk image", () => {
  it("comes from Google's storage by a token that a service account's key signs for", async () => {
    const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const asked: string[] = [];
    const answer = async (...[request, response]: Parameters<Handler>): Promise<void> => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url === "/nothing") return void response.writeHead(200).end("null");
      if (request.url !== "/token") {
        if (request.headers.authorization !== "Bearer good") return void response.writeHead(403).end("no");
        return serveBytes(request, response, asked.length === 2 ? 2 ** 20 : bytes.length);
      }
      const form = new URLSearchParams(await text(request));
      const [head = "", body = "", signature = ""] = (form.get("assertion") ?? "").split(".");
      const signed = verify(
        "sha256",
        Buffer.from(`${head}.${body}`),
        pair.publicKey,
        fromBase64url(signature),
      );
      const claims = JSON.parse(fromBase64url(body).toString()) as Record<string, unknown>;
      assert.deepEqual(
        [form.get("grant_type"), claims["iss"], claims["aud"], claims["scope"]],
        [
          ...[
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "box@shop",
            `https://127.0.0.1:${server.port}/token`,
          ],
          "https://www.googleapis.com/auth/devstorage.read_only",
        ],
      );
      assert.equal(Number(claims["exp"]) - Number(claims["iat"]), 3600);
      response.writeHead(signed ? 200 : 401, { "content-type": "application/json" });
      response.end(
        JSON.stringify(signed ? { access_token: "good", expires_in: 3599 } : { error_description: "bad" }),
      );
    };
    await using server = await tls((...exchange) => void answer(...exchange));
    const account = (key: KeyObject, path = "/token"): string =>
      JSON.stringify({
        ...{
          client_email: "box@shop",
          private_key_id: "k1",
          token_uri: `https://127.0.0.1:${server.port}${path}`,
        },
        private_key: key.export({ type: "pkcs8", format: "pem" }),
      });
    const store = (password: string): Partial<Datastore> => ({
      ...{ type: "google", fqdn: `127.0.0.1:${server.port}`, certificates: [server.pem], path: "shop" },
      credentials: async () => ({ user: "project", password }),
    });
    const { status, content } = await fetched([store(btoa(account(pair.privateKey)))]);
    assert.equal(status.phase, "ready", JSON.stringify(status));
    assert.ok(content?.equals(bytes));
    assert.deepEqual(asked.slice(0, 2), ["POST /token", "GET /shop/a%20b/disk.img"]);
    const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const refused = await fetched([store(account(stranger))]);
    assert.match(JSON.stringify(refused.status), /gives no token for box@shop \(401\): bad/);
    assert.match(JSON.stringify((await fetched([store("not a key")])).status), /key of a service account/);
    const empty = await fetched([store(account(pair.privateKey, "/nothing"))]);
    assert.match(JSON.stringify(empty.status), /gives no token for box@shop \(200\)/);
  });

  it("comes over https with the datastore's own roots, goes on after a cut, and from the next one", async () => {
    const asked: string[] = [];
    await using server = await tls((request, response) => {
      asked.push(`${request.url} ${request.headers.range ?? "all"}`);
      if (request.url?.startsWith("/none/")) return void response.writeHead(404).end("no such file");
      serveBytes(request, response, asked.length === 2 ? 2 ** 20 : bytes.length);
    });
    const common = { type: "https", fqdn: `127.0.0.1:${server.port}`, certificates: [server.pem] } as const;
    const { status, phases, content } = await fetched([{ ...common, path: "none" }, common]);
    assert.deepEqual(status.phase, "ready", JSON.stringify(status));
    assert.deepEqual(phases, ["resolving", "downloading", "building", "ready"]);
    assert.ok(content?.equals(bytes));
    assert.equal(asked[0], "/none/a%20b/disk.img all");
    assert.equal(asked[1], "/images/a%20b/disk.img all");
    assert.match(asked[2] ?? "", /^\/images\/a%20b\/disk\.img bytes=\d{5,}-$/);
  });

  const refused: [string, RegExp, Partial<ContentSpec>][] = [
    ["another hash", /what arrived has sha256:/, { sha256: "0".repeat(64) }],
    ["more bytes than are allowed", /has 3145745 bytes, 1000 are allowed/, { maxSizeBytes: 1000 }],
    ["no hash at all", /sha256 is missing/, { sha256: "" }],
  ];
  for (const [name, why, more] of refused)
    it(`is refused with ${name}`, async () => {
      await using server = await listening(plainServer((request, response) => serveBytes(request, response)));
      const { status } = await fetched([{ fqdn: `http://127.0.0.1:${server.port}` }], more);
      assert(status.phase === "failed");
      assert.match(status.message, why);
    });

  it("comes from S3 to whoever signs as its version 4 wants it", async () => {
    const [user, password] = ["AKIA", "secret/key"];
    await using server = await listening(
      plainServer((request, response) => {
        if (request.headers.authorization !== expectedSignature(request, user, password))
          return void response.writeHead(403).end("<Code>SignatureDoesNotMatch</Code>");
        serveBytes(request, response);
      }),
    );
    const common = { type: "s3", fqdn: `http://127.0.0.1:${server.port}`, region: "eu-1" } as const;
    const good = await fetched([{ ...common, credentials: async () => ({ user, password }) }]);
    assert.ok(good.content?.equals(bytes), JSON.stringify(good.status));
    const bad = await fetched([{ ...common, credentials: async () => ({ user, password: "other" }) }]);
    assert(bad.status.phase === "failed");
    assert.match(bad.status.message, /status 403.*SignatureDoesNotMatch/);
  });

  const sshd = existsSync("/usr/sbin/sshd") && process.getuid?.() === 0;
  const skip = sshd ? false : "openssh-server is missing, or this is not root";
  it("comes from an SSH server by key, and no other key does", { skip }, async () => {
    await using server = await startSshd();
    const common = { type: "sftp", fqdn: `127.0.0.1:${server.port}`, path: server.files } as const;
    const good = await fetched([
      { ...common, credentials: async () => ({ user: "root", password: server.key }) },
    ]);
    assert.ok(good.content?.equals(bytes), JSON.stringify(good.status));
    const bad = await fetched([
      { ...common, credentials: async () => ({ user: "root", password: "guess" }) },
    ]);
    assert(bad.status.phase === "failed");
    assert.match(bad.status.message, /authentication methods failed/);
  });
});

/** The steps of Amazon's documentation, written down a second time. */
function expectedSignature({ url = "", headers }: IncomingMessage, user: string, secret: string): string {
  const stamp = String(headers["x-amz-date"]);
  const scope = [stamp.slice(0, 8), "eu-1", "s3", "aws4_request"];
  const list = `host:${headers.host}\nx-amz-content-sha256:${headers["x-amz-content-sha256"]}\nx-amz-date:${stamp}\n`;
  const names = "host;x-amz-content-sha256;x-amz-date";
  const canonical = `GET\n${url}\n\n${list}\n${names}\n${headers["x-amz-content-sha256"]}`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of scope) key = createHmac("sha256", key).update(part).digest();
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope.join("/")}\n${digest}`;
  const signature = createHmac("sha256", key).update(text).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=${user}/${scope.join("/")}, SignedHeaders=${names}, Signature=${signature}`;
}

async function startSshd(): Promise<AsyncDisposable & { port: number; key: string; files: string }> {
  const at = await mkdtemp(join(tmpdir(), "svs-"));
  const probe = tcpServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  for (const name of ["host", "user"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(at, name)]);
  await mkdir(join(at, "files/a b"), { recursive: true });
  await writeFile(join(at, "files/a b/disk.img"), bytes);
  await mkdir("/run/sshd", { recursive: true });
  const settings = {
    ...{
      HostKey: join(at, "host"),
      AuthorizedKeysFile: join(at, "user.pub"),
      StrictModes: "no",
      UsePAM: "no",
    },
    ...{ PidFile: "none", Subsystem: "sftp internal-sftp", PermitRootLogin: "prohibit-password" },
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const listen = ["-D", "-e", "-f", "/dev/null", "-o", `ListenAddress=127.0.0.1:${port}`];
  const child = spawn("/usr/sbin/sshd", [...listen, ...options], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  const up = Promise.withResolvers<void>();
  child.stderr.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.includes("Server listening")) up.resolve();
  });
  child.once("exit", () => up.reject(new Error(`sshd ended: ${said}`)));
  await up.promise;
  return {
    port,
    key: await readFile(join(at, "user"), "utf8"),
    files: join(at, "files"),
    async [Symbol.asyncDispose]() {
      child.kill();
      await rm(at, { recursive: true });
    },
  };
}
