/** The registry over HTTP: the OCI distribution specification row by row, then by skopeo. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { hours, Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { serveRegistry } from "../src/listeners/registry-http.ts";
import { BlobStore } from "../src/registry/blob-store.ts";
import { Registry, type RegistryResponse } from "../src/registry/registry.ts";
import { RegistryAuth } from "../src/registry/registry-auth.ts";
import { Sweeper } from "../src/registry/sweeper.ts";
import { digestOf, manifestType, writeLayout } from "./oci-layout.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "selvedge-registry-"));
const clock = new SystemClock();
const log = new Log("test", clock, silentSink);
const node = "0b2d5d0c-8d30-4c86-9a4c-3b0a1bb1f000";
const auth = new RegistryAuth({ secret: new Uint8Array(32), isNode: (id) => id === node });
const store = new BlobStore(join(folder, "registry"), clock);
const registry = new Registry({
  ...{ store, clock, random: new SystemRandom(), log },
  authenticate: async (header) => auth.authenticate(header),
});
const server = createServer((request, response) => {
  void serveRegistry(registry, request, response, undefined, log);
});
let base = "";
let port = 0;

before(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
  base = `http://127.0.0.1:${port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const admin = basic("admin", auth.adminPassword);

async function ask(
  method: string,
  path: string,
  body?: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const url = path.startsWith("http") ? path : base + path;
  const content = body === undefined ? {} : { body: body as unknown as NonNullable<RequestInit["body"]> };
  return await fetch(url, { method, ...content, headers: { authorization: admin, ...headers } });
}

async function pushBlob(repository: string, bytes: Uint8Array | string): Promise<string> {
  const digest = digestOf(bytes);
  const answer = await ask("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes);
  assert.equal(answer.status, 201);
  return digest;
}

function manifestOf(config: string, more: Record<string, unknown> = {}): string {
  const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 };
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: descriptor,
    layers: [],
    ...more,
  });
}

async function pushManifest(repository: string, reference: string, manifest: string): Promise<Response> {
  return await ask("PUT", `/v2/${repository}/manifests/${reference}`, manifest, {
    "content-type": manifestType,
  });
}

describe("who may do what", () => {
  const rows: readonly (readonly [string, string | undefined, string, string, number])[] = [
    ["a stranger", undefined, "GET", "/v2/", 401],
    ["a wrong password", basic("admin", "no"), "GET", "/v2/", 401],
    ["the administrator", admin, "GET", "/v2/", 200],
    ["the administrator by token", `Bearer ${auth.adminPassword}`, "GET", "/v2/", 200],
    ["a node", basic(node, auth.nodePassword(node)), "GET", "/v2/", 200],
    ["a node that pushes", basic(node, auth.nodePassword(node)), "POST", "/v2/a/blobs/uploads/", 403],
    ["a node with another's password", basic(node, auth.nodePassword("x")), "GET", "/v2/", 401],
    ["who is no node any more", basic("x", auth.nodePassword("x")), "GET", "/v2/", 401],
    ["a name that climbs", admin, "GET", "/v2/../../etc/manifests/x", 404],
    ["a name in capitals", admin, "GET", "/v2/Hello/manifests/x", 404],
  ];
  for (const [who, header, method, path, status] of rows) {
    it(`${who}: ${status}`, async () => {
      const answer = await fetch(base + path, { method, headers: header ? { authorization: header } : {} });
      assert.equal(answer.status, status);
      if (status === 401) assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic realm=/);
    });
  }
});

describe("uploads", () => {
  it("go on where they were cut, and tell where that is", async () => {
    const bytes = Buffer.alloc(300_000, "selvedge ");
    const begun = await ask("POST", "/v2/up/blobs/uploads/");
    assert.equal(begun.status, 202);
    const path = begun.headers.get("location") ?? "";
    // A client that announces everything, sends a part and is gone.
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      `PATCH ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${admin}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
    );
    socket.write(bytes.subarray(0, 100_000));
    const kept = async (): Promise<number> => {
      const range = (await ask("GET", path)).headers.get("range") ?? "";
      return Number(range.split("-")[1]) + 1;
    };
    while ((await kept()) < 100_000);
    socket.destroy();
    let wrong = await ask("PATCH", path, bytes.subarray(5), { "content-range": "5-299999" });
    // Until the server has noticed that the first client is gone, the upload is busy.
    while (wrong.status === 409)
      wrong = await ask("PATCH", path, bytes.subarray(5), { "content-range": "5-299999" });
    assert.equal(wrong.status, 416);
    const part = bytes.subarray(100_000, 200_000);
    const patched = await ask("PATCH", path, part, { "content-range": "100000-199999" });
    assert.equal(patched.status, 202);
    assert.equal(patched.headers.get("range"), "0-199999");
    const digest = digestOf(bytes);
    const done = await ask("PUT", `${path}?digest=${digest}`, bytes.subarray(200_000));
    assert.equal(done.status, 201);
    const got = await ask("GET", `/v2/up/blobs/${digest}`, undefined, { range: "bytes=299990-" });
    assert.equal(got.status, 206);
    assert.equal(got.headers.get("content-range"), "bytes 299990-299999/300000");
    assert.equal(await got.text(), bytes.subarray(299_990).toString());
    assert.equal((await ask("GET", path)).status, 404);
  });

  it("with a wrong digest are refused", async () => {
    const answer = await ask("POST", `/v2/up/blobs/uploads/?digest=${digestOf("other")}`, "this");
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /DIGEST_INVALID/);
  });

  it("that are refused while they are sent are answered, and the connection goes on", async () => {
    const long = await pushManifest("up", "long", `{"schemaVersion":2,"x":"${"x".repeat(6_000_000)}"}`);
    assert.equal(long.status, 413);
    const begun = await ask("POST", "/v2/up/blobs/uploads/");
    const path = begun.headers.get("location") ?? "";
    const range = { "content-range": "7-1000006" };
    assert.equal((await ask("PATCH", path, Buffer.alloc(1_000_000), range)).status, 416);
    assert.equal((await ask("PATCH", path, "whole")).status, 202);
  });

  it("onto a full disk say so, keep what fits, and go on when there is room", {
    skip: notRoot(),
  }, async () => {
    const small = mkdtempSync(join(folder, "small-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", small]);
    try {
      const own = new BlobStore(small, clock);
      const tiny = new Registry({
        ...{ store: own, clock, random: new SystemRandom(), log },
        authenticate: async (header) => auth.authenticate(header),
      });
      const send = async (method: string, target: string, body: Buffer): Promise<RegistryResponse> =>
        await tiny.handle({
          ...{ method, target, headers: { authorization: admin } },
          body: (async function* () {
            for (let at = 0; at < body.length; at += 100_000) yield body.subarray(at, at + 100_000);
          })(),
        });
      const path = (await send("POST", "/v2/full/blobs/uploads/", Buffer.alloc(0))).headers["location"] ?? "";
      const bytes = Buffer.alloc(1_000_000, "full");
      const refused = await send("PATCH", path, bytes);
      assert.equal(refused.status, 507);
      assert.match(Buffer.from(refused.body as Uint8Array).toString(), /no space left; delete images/);
      const { range = "" } = (await send("GET", path, Buffer.alloc(0))).headers;
      const kept = Number(range.split("-")[1]) + 1;
      assert.ok(kept > 0 && kept % 100_000 === 0, `${kept} bytes are kept`);
      execFileSync("mount", ["-o", "remount,size=4m", small]);
      const done = await send("PUT", `${path}?digest=${digestOf(bytes)}`, bytes.subarray(kept));
      assert.equal(done.status, 201);
    } finally {
      execFileSync("umount", [small]);
    }
  });

  it("of many clients at once do not mix", async () => {
    const blobs = Array.from({ length: 12 }, (_, index) => Buffer.alloc(50_000 + index, String(index % 3)));
    const digests = await Promise.all(blobs.map((bytes) => pushBlob("many", bytes)));
    for (const [index, digest] of digests.entries()) {
      const got = Buffer.from(await (await ask("GET", `/v2/many/blobs/${digest}`)).arrayBuffer());
      assert.ok(got.equals(blobs[index] ?? Buffer.alloc(0)));
    }
  });

  it("are mounted from another repository, or begun when that has it not", async () => {
    const digest = await pushBlob("from", "mounted");
    const mounted = await ask("POST", `/v2/to/blobs/uploads/?mount=${digest}&from=from`);
    assert.equal(mounted.status, 201);
    assert.equal(await (await ask("GET", `/v2/to/blobs/${digest}`)).text(), "mounted");
    const missing = await ask("POST", `/v2/to/blobs/uploads/?mount=${digestOf("no")}&from=from`);
    assert.equal(missing.status, 202);
  });
});

describe("manifests", () => {
  it("need their blobs first, are found by tag and digest, and go with their tags", async () => {
    const manifest = manifestOf(digestOf("{}"));
    assert.equal((await pushManifest("app", "1", manifest)).status, 404);
    await pushBlob("app", "{}");
    const pushed = await pushManifest("app", "1", manifest);
    assert.equal(pushed.status, 201);
    await pushManifest("app", "latest", manifest);
    const digest = pushed.headers.get("docker-content-digest") ?? "";
    const tags = (await (await ask("GET", "/v2/app/tags/list")).json()) as { tags: string[] };
    assert.deepEqual(tags.tags, ["1", "latest"]);
    const page = await ask("GET", "/v2/app/tags/list?n=1");
    assert.match(page.headers.get("link") ?? "", /last=1>; rel="next"/);
    const got = await ask("GET", `/v2/app/manifests/${digest}`);
    assert.equal(got.headers.get("content-type"), manifestType);
    assert.equal(await got.text(), manifest);
    assert.equal((await ask("DELETE", "/v2/app/manifests/1")).status, 202);
    assert.equal((await ask("GET", "/v2/app/manifests/1")).status, 404);
    assert.equal((await ask("DELETE", `/v2/app/manifests/${digest}`)).status, 202);
    assert.equal((await ask("GET", "/v2/app/manifests/latest")).status, 404);
  });

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ["no JSON", "{", /the manifest is not JSON/],
    ["a list", "[]", /not a JSON object/],
    ["an old schema", '{"schemaVersion":1}', /schemaVersion: must be 2/],
    ["a bad digest", manifestOf("sha256:short"), /config\.digest: must be sha256/],
    [
      "another type inside",
      manifestOf(digestOf("{}"), { mediaType: "other/type" }),
      /is not the Content-Type/,
    ],
  ];
  for (const [name, manifest, message] of broken) {
    it(`with ${name} are refused`, async () => {
      const answer = await pushManifest("app", "bad", manifest);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), message);
    });
  }

  it("list who refers to them", async () => {
    const config = await pushBlob("signed", "{}");
    const image = manifestOf(config);
    await pushManifest("signed", "1", image);
    const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
    const signature = manifestOf(config, {
      ...{ artifactType: "example/signature", subject, annotations: { by: "us" } },
    });
    const pushed = await pushManifest("signed", digestOf(signature), signature);
    assert.equal(pushed.headers.get("oci-subject"), subject.digest);
    const list = async (query = ""): Promise<unknown[]> => {
      const answer = await ask("GET", `/v2/signed/referrers/${subject.digest}${query}`);
      assert.equal(answer.headers.get("content-type"), "application/vnd.oci.image.index.v1+json");
      return ((await answer.json()) as { manifests: unknown[] }).manifests;
    };
    const descriptor = {
      ...{ mediaType: manifestType, digest: digestOf(signature), size: signature.length },
      ...{ artifactType: "example/signature", annotations: { by: "us" } },
    };
    assert.deepEqual(await list(), [descriptor]);
    assert.deepEqual(await list("?artifactType=other"), []);
    await ask("DELETE", `/v2/signed/manifests/${digestOf(signature)}`);
    assert.deepEqual(await list(), []);
  });
});

describe("the sweeper", () => {
  it("removes blobs that nothing needs after their grace, and nothing else", async () => {
    const config = await pushBlob("swept", "{}");
    const needed = await pushBlob("swept", "a layer in use");
    const orphan = await pushBlob("swept", "an orphan");
    const asked = await pushBlob("swept", "an orphan that somebody was told about");
    const young = await pushBlob("swept", "a young orphan");
    const layers = [{ mediaType: "x/y", digest: needed, size: 14 }];
    await pushManifest("swept", "1", manifestOf(config, { layers }));
    const begun = await ask("POST", "/v2/swept/blobs/uploads/");
    const old = Date.now() / 1000 - 100_000;
    const { blobs, uploads } = store.paths;
    for (const name of readdirSync(blobs)) {
      if (`sha256:${name}` !== young) utimesSync(join(blobs, name), old, old);
    }
    for (const name of readdirSync(uploads)) utimesSync(join(uploads, name), old, old);
    assert.equal((await ask("HEAD", `/v2/swept/blobs/${asked}`)).status, 200);
    const swept = await new Sweeper({ store, clock, log, grace: hours(24) }).sweep();
    assert.ok((swept?.blobs ?? 0) >= 1 && (swept?.uploads ?? 0) >= 1);
    const status = async (digest: string): Promise<number> =>
      (await ask("HEAD", `/v2/swept/blobs/${digest}`)).status;
    assert.deepEqual(
      await Promise.all([config, needed, orphan, asked, young].map(status)),
      [200, 200, 404, 200, 200],
    );
    assert.equal((await ask("GET", begun.headers.get("location") ?? "")).status, 404);
    assert.equal((await ask("GET", "/v2/swept/manifests/1")).status, 200);
  });
});

describe("skopeo", { skip: skopeoMissing() }, () => {
  it("pushes an OCI layout and pulls the same back", async () => {
    const layout = join(folder, "layout");
    writeLayout(layout);
    const credentials = `admin:${auth.adminPassword}`;
    const remote = `docker://127.0.0.1:${port}/team/tool:1`;
    const tls = ["--insecure-policy"];
    await run("skopeo", [
      ...tls,
      "copy",
      "--dest-tls-verify=false",
      "--dest-creds",
      credentials,
      `oci:${layout}:1`,
      remote,
    ]);
    const back = join(folder, "back");
    const pull = basicNode();
    await run("skopeo", [
      ...tls,
      "copy",
      "--src-tls-verify=false",
      "--src-creds",
      pull,
      remote,
      `oci:${back}:1`,
    ]);
    const blobs = (path: string): string[] => readdirSync(join(path, "blobs/sha256")).toSorted();
    assert.deepEqual(blobs(back), blobs(layout));
    const { stdout } = await run("skopeo", [
      "list-tags",
      "--tls-verify=false",
      "--creds",
      credentials,
      remote.replace(/:1$/, ""),
    ]);
    assert.deepEqual((JSON.parse(stdout) as { Tags: string[] }).Tags, ["1"]);
    await run("skopeo", ["delete", "--tls-verify=false", "--creds", credentials, remote]);
    assert.equal((await ask("GET", "/v2/team/tool/manifests/1")).status, 404);
  });
});

function notRoot(): string | false {
  return process.getuid?.() === 0 ? false : "only root can mount a small disk";
}

function basicNode(): string {
  return `${node}:${auth.nodePassword(node)}`;
}

function skopeoMissing(): string | false {
  try {
    execFileSync("skopeo", ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return "skopeo is not installed (apt-get install skopeo)";
  }
}
