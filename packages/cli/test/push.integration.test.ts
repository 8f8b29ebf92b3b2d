/** Pushes to the controller's own registry over a real socket that breaks. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, it } from "node:test";
import { Log, SystemClock, SystemRandom, silentSink } from "@selvedge/base";
import { BlobStore } from "../../controller/src/registry/blob-store.ts";
import { Registry } from "../../controller/src/registry/registry.ts";
import { folderEntries } from "../src/image/layer-source.ts";
import { OciLayout, writeImage } from "../src/image/oci-layout.ts";
import { pushImage } from "../src/image/push.ts";
import { registryTarget } from "../src/image/registry-target.ts";

const clock = new SystemClock();
const never = new AbortController().signal;
const credentials = { user: "fitter", password: "right" };

/** The registry behind a server; `meddle` may break a request's connection. */
class Served implements AsyncDisposable {
  readonly requests: string[] = [];
  meddle: (request: IncomingMessage) => AsyncIterable<Uint8Array> = (request) => request;
  readonly #server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));
  readonly #registry: Registry;
  readonly store: BlobStore;

  constructor(folder: string) {
    this.store = new BlobStore(folder, clock);
    this.#registry = new Registry({
      store: this.store,
      authenticate: async (header) =>
        header === `Basic ${btoa("fitter:right")}` ? { name: "fitter", mayPush: true } : undefined,
      clock,
      random: new SystemRandom(),
      log: new Log("test", clock, silentSink),
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.requests.push(`${incoming.method} ${incoming.url?.replace(/[0-9a-f-]{36}/, "UUID")}`);
    try {
      const { status, headers, body } = await this.#registry.handle({
        method: incoming.method ?? "",
        target: incoming.url ?? "",
        headers: incoming.headers as Record<string, string>,
        body: this.meddle(incoming),
      });
      outgoing.writeHead(status, headers);
      await pipeline(body instanceof Uint8Array ? Readable.from([body]) : body, outgoing);
    } catch {
      outgoing.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function* cutAfter(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received > limit) request.destroy();
    yield chunk;
  }
}

/** An image with one layer that takes several requests to send. */
async function bigImage(folder: string): Promise<OciLayout> {
  await mkdir(join(folder, "root"));
  await writeFile(join(folder, "root", "data"), randomBytes(20 * 1024 * 1024));
  const run = {
    entrypoint: ["/data"],
    cmd: [],
    env: [],
    user: "",
    workingDir: "",
    labels: {},
    architecture: "amd64",
  };
  await writeImage(
    join(folder, "image"),
    { layers: [folderEntries(join(folder, "root"))], run, name: "big" },
    never,
  );
  return await OciLayout.open(join(folder, "image"));
}

async function pushTo(host: string, layout: OciLayout, password = "right"): Promise<string[]> {
  const lines: string[] = [];
  const target = registryTarget(`${host}/team/big:1`, {
    controller: undefined,
    caFile: undefined,
    plainHttp: true,
    credentials: { ...credentials, password },
  });
  const manifest = await layout.manifest(undefined);
  await pushImage({ layout, manifest, target, clock, signal: never, report: (line) => lines.push(line) });
  return lines;
}

describe("push", () => {
  it("goes on after a cut where the registry stopped, and sends nothing twice", async () => {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-test-"));
    try {
      await using layout = await bigImage(folder);
      await using served = new Served(join(folder, "registry"));
      const host = await served.listen();
      let cuts = 0;
      served.meddle = (request) => {
        if (request.method !== "PATCH" || cuts >= 2) return request;
        cuts++;
        return cutAfter(request, 3 * 1024 * 1024);
      };
      await pushTo(host, layout);
      assert.equal(cuts, 2);
      assert.equal(
        served.requests.filter((line) => line.startsWith("GET") && line.endsWith("UUID")).length,
        2,
      );
      const manifest = await layout.manifest(undefined);
      const stored = await served.store.manifest("team/big", "1");
      assert.equal(stored?.digest, manifest.digest);
      const before = served.requests.length;
      const lines = await pushTo(host, layout);
      assert.equal(served.requests.slice(before).filter((line) => /^PATCH|^POST/.test(line)).length, 0);
      assert.ok(
        lines.every((line) => line.endsWith("is there already")),
        lines.join("\n"),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("says that the credentials are wrong, and tries no more", async () => {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-test-"));
    try {
      await using layout = await bigImage(folder);
      await using served = new Served(join(folder, "registry"));
      await assert.rejects(
        pushTo(await served.listen(), layout, "wrong"),
        /does not accept these credentials/,
      );
      assert.equal(served.requests.length, 2);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
