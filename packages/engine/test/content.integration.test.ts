import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { pack } from "tar-stream";
import { createContentDomain } from "../src/content/content-domain.ts";
import { SqfstarBuilder } from "../src/content/sqfstar/sqfstar-builder.ts";
import type { ContentId, ContentSpec, DesiredState } from "../src/desired.ts";
import { EngineStore } from "../src/engine-store.ts";
import type { HttpClient } from "../src/host/http.ts";
import { HttpError } from "../src/host/http.ts";
import { SshSftpClient } from "../src/host/linux/ssh-sftp-client.ts";
import { FolderDisk } from "./folder-disk.ts";

const missing = ["sqfstar", "unsquashfs"].filter((program) => spawnSync(program, ["-version"]).error);
const skip = missing.length > 0 ? `${missing.join(", ")} not installed` : false;

const sha = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

type TarLine = Parameters<ReturnType<typeof pack>["entry"]>[0] & { content?: Uint8Array | string };

async function tar(...entries: TarLine[]): Promise<Buffer> {
  const out = pack();
  for (const { content = "", ...header } of entries) out.entry(header, content);
  out.finalize();
  const parts: Buffer[] = [];
  for await (const part of out as unknown as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

type Handler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry that holds one image, and does what `fault` wants before it answers. */
async function registry(layers: { bytes: Uint8Array; mediaType: string }[]) {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", config: { Cmd: ["/bin/x"], Env: ["A=1"] } }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: sha(config),
        size: config.length,
      },
      layers: layers.map(({ bytes, mediaType }) => ({ mediaType, digest: sha(bytes), size: bytes.length })),
    }),
  );
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: "x",
          digest: sha(Buffer.from("arm")),
          size: 3,
          platform: { os: "linux", architecture: "arm64" },
        },
        {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: sha(manifest),
          size: manifest.length,
          platform: { os: "linux", architecture: "amd64" },
        },
      ],
    }),
  );
  const blobs = new Map([config, ...layers.map(({ bytes }) => bytes)].map((bytes) => [sha(bytes), bytes]));
  const requests: string[] = [];
  const state: { fault: Handler | undefined } = { fault: undefined };
  const server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? ""}`.trim());
    if (state.fault?.(request, response)) return;
    const [, kind, name = ""] = /^\/v2\/shop\/till\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
    const body =
      kind === "blobs"
        ? blobs.get(name)
        : name === "1"
          ? index
          : name === sha(manifest)
            ? manifest
            : undefined;
    if (body === undefined) return void response.writeHead(404).end("{}");
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const range = start > 0 ? { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` } : {};
    response.writeHead(start > 0 ? 206 : 200, range).end(body.subarray(start));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { fqdn: `http://127.0.0.1:${port}`, state, requests, manifest, close: () => server.close() };
}

/** The port over Node's own client; enough for a loopback. */
const http: HttpClient = {
  async send({ method, url, headers = {}, signal }) {
    const stop = signal ?? new AbortController().signal;
    const answer = await fetch(url, { method, headers, redirect: "manual", signal: stop }).catch((cause) => {
      throw new HttpError("no answer", { cause });
    });
    const body = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of answer.body ?? []) yield chunk as Uint8Array;
      } catch (cause) {
        throw new HttpError("broken", { cause });
      }
    };
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: body() };
  },
};

async function world(fqdn: string, room = { bytes: 2 ** 40 }) {
  const folder = await mkdtemp(join(tmpdir(), "sv-content-"));
  const disk = new FolderDisk(folder);
  disk.free = async () => ({ bytes: room.bytes, totalBytes: 2 ** 40 });
  const store = new EngineStore();
  const clock = new SystemClock();
  const domain = createContentDomain({
    store,
    disk,
    clock,
    random: new SeededRandom(1),
    log: new Log("test", clock, silentSink),
    http,
    sftp: new SshSftpClient(),
    images: new SqfstarBuilder({ disk }),
    architecture: "amd64",
  });
  const credentials = async () => ({ user: "node", password: "secret" });
  const content: ContentSpec = {
    id: "c1" as ContentId,
    format: "container",
    url: "shop/till:1",
    sha256: "",
    maxSizeBytes: 0,
    datastores: [{ id: "d", type: "registry", fqdn, path: "", region: "", credentials, certificates: [] }],
  };
  await domain.start();
  store.desired.set({ apps: [], contents: [content] } as unknown as DesiredState);
  const until = async (phase: string) => {
    for (;;) {
      const status = store.contents.get(content.id);
      if (status?.phase === phase) return status;
      await new Promise<void>((resolve) => {
        const stop = store.contents.subscribe(() => {
          stop();
          resolve();
        });
      });
    }
  };
  return {
    folder,
    store,
    until,
    async [Symbol.asyncDispose]() {
      await domain[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

const layerType = "application/vnd.oci.image.layer.v1.tar";
const low = await tar(
  { name: "bin/", type: "directory", mode: 0o755 },
  { name: "bin/x", mode: 0o4755, content: "first" },
  { name: "bin/y", type: "link", linkname: "bin/x" },
  { name: "gone", content: "gone" },
  { name: "dev/null", type: "character-device", devmajor: 1, devminor: 3, mode: 0o666 },
  { name: `deep/${"d".repeat(120)}/${"e".repeat(120)}`, content: "long" },
  { name: "evil", type: "symlink", linkname: "../../../../etc" },
);
const high = await tar(
  { name: ".wh.gone" },
  { name: "bin/x", content: "second" },
  { name: "evil/escaped", content: "inside" },
  { name: "owned", uid: 7, gid: 8, mode: 0o600, content: "x".repeat(300_000) },
);
const layers = [
  { bytes: gzipSync(low), mediaType: `${layerType}+gzip` },
  { bytes: zstdCompressSync(high), mediaType: `${layerType}+zstd` },
];

describe("content, from a registry to a file system", { skip, timeout: 120_000 }, () => {
  it("pulls an index, merges layers and builds a squashfs", async () => {
    const source = await registry(layers);
    await using node = await world(source.fqdn);
    const status = await node.until("ready");
    source.close();
    assert(status.phase === "ready");
    assert.equal(status.imageId, `${source.fqdn.slice(7)}/shop/till@${sha(source.manifest)}`);
    assert.deepEqual([status.config?.cmd, status.config?.env], [["/bin/x"], ["A=1"]]);
    const cat = (path: string): string => execFileSync("unsquashfs", ["-cat", status.path, path]).toString();
    assert.equal(cat("bin/x"), "second");
    assert.equal(cat("bin/y"), "first");
    assert.equal(cat("etc/escaped"), "inside");
    const list = execFileSync("unsquashfs", ["-lln", status.path]).toString();
    assert.match(list, /crw-rw-rw- 0\/0 +1, +3 .*squashfs-root\/dev\/null/);
    assert.match(list, /-rw------- 7\/8 +300000 .*\/owned/);
    assert.match(list, /-rwsr-xr-x 0\/0 +5 .*\/bin\/y/);
    assert.match(list, /\/e{120}/);
    assert.doesNotMatch(list, /gone|\.wh\./);
    assert.deepEqual(
      (await readdir(join(node.folder, "content/tmp"))).filter((name) => name !== ".keep"),
      [],
    );
  });

  it("resumes a layer that was cut, and asks for credentials when told to", async () => {
    const big = await tar({ name: "big", content: Buffer.alloc(2_000_000, 7) });
    const source = await registry([{ bytes: big, mediaType: layerType }]);
    let cut = false;
    source.state.fault = (request, response) => {
      if (request.headers.authorization !== `Basic ${btoa("node:secret")}`) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
        return true;
      }
      if (cut || !request.url?.endsWith(sha(big))) return false;
      cut = true;
      response.writeHead(200, { "content-length": big.length });
      response.write(big.subarray(0, 1_000_000), () => response.socket?.destroySoon());
      return true;
    };
    await using node = await world(source.fqdn);
    await node.until("ready");
    source.close();
    assert(
      source.requests.some((line) => /bytes=[1-9]\d*-$/.test(line)),
      "no request resumed",
    );
  });

  it("does not believe wrong bytes, says so, and comes back", async () => {
    const source = await registry(layers);
    const target = sha(layers[0]?.bytes ?? Buffer.of());
    source.state.fault = (request, response) => {
      if (!request.url?.endsWith(target)) return false;
      response.writeHead(200).end(Buffer.alloc(layers[0]?.bytes.length ?? 0));
      return true;
    };
    await using node = await world(source.fqdn);
    const failed = await node.until("failed");
    assert(failed.phase === "failed");
    assert.equal(failed.reason, "ErrImagePull");
    assert.match(failed.message, /what arrived has sha256/);
    source.state.fault = undefined;
    await node.until("ready");
    source.close();
  });

  it("waits for room on a full disk, and comes back when there is some", async () => {
    const source = await registry(layers);
    const room = { bytes: 1000 };
    await using node = await world(source.fqdn, room);
    const failed = await node.until("failed");
    assert(failed.phase === "failed");
    assert.equal(failed.reason, "DiskFull");
    assert.match(failed.message, /needs \d+ bytes, 1000 are free/);
    room.bytes = 2 ** 40;
    await node.until("ready");
    source.close();
  });

  it("gets a token where the registry sends it", async () => {
    const source = await registry(layers);
    source.state.fault = (request, response) => {
      if (request.url?.startsWith("/token")) {
        assert.match(request.url, /scope=repository%3Ashop%2Ftill%3Apull/);
        response.writeHead(200).end(JSON.stringify({ token: "t1" }));
        return true;
      }
      if (request.headers.authorization === "Bearer t1") return false;
      const challenge = `Bearer realm="${source.fqdn}/token",service="s",scope="repository:shop/till:pull"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
    await using node = await world(source.fqdn);
    await node.until("ready");
    source.close();
  });
});
