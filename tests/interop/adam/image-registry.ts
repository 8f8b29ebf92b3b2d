/**
 * A registry of one image over TLS, which asks for a name and a password: what a stranger's registry is to
 * a node.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { mediaTypes, type RunConfig } from "../../../packages/cli/src/image/image-config.ts";
import { busyboxEntries, type LayerEntry, textFile } from "../../../packages/cli/src/image/layer-source.ts";
import { writeImage } from "../../../packages/cli/src/image/oci-layout.ts";
import type { Pair } from "../../../packages/controller/src/pki/issue.ts";

export const repository = "somebody/app";
export const credentials = { user: "box", password: "open sesame" } as const;

/**
 * Counts its starts in its own file system, tells what it was started with, and serves the same as a page.
 */
const program = `#!/bin/sh
starts=$(( $(cat /starts 2>/dev/null || echo 0) + 1 ))
echo "$starts" >/starts
mkdir -p /www
processors=$(grep -c ^processor /proc/cpuinfo)
memory=$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)
tee /www/index.html <<END
start=$starts args=$* greeting=$GREETING secret=$SECRET image=$FROM_IMAGE cpus=$processors kib=$memory
END
httpd -f -p 8080 -h /www &
trap 'kill $!; exit 0' TERM INT
wait $!
`;

export class ImageRegistry implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(folder: string, host: string, tls: Pair): Promise<ImageRegistry> {
    const run: RunConfig = {
      ...{ entrypoint: ["/bin/app"], cmd: ["one", "two words"], user: "", workingDir: "/", labels: {} },
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "FROM_IMAGE=yes", "GREETING=of the image"],
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
    };
    const layout = join(folder, "image");
    const layers = [busyboxEntries(), programEntries()];
    const manifest = await writeImage(layout, { layers, run, name: "1" }, AbortSignal.timeout(60_000));
    const wanted = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64")}`;
    const server = createServer({ cert: tls.certificatePem, key: tls.keyPem }, async (request, response) => {
      const [, kind, name] = /^\/v2\/somebody\/app\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
      if (request.headers.authorization !== wanted)
        return void response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
      const digest = name === "1" ? manifest.digest : (name ?? "");
      const blob = await readFile(join(layout, "blobs/sha256", digest.replace("sha256:", ""))).catch(
        () => undefined,
      );
      if (kind === undefined || blob === undefined) return void response.writeHead(404).end();
      const type = kind === "manifests" ? mediaTypes.manifest : "application/octet-stream";
      const hash = `sha256:${createHash("sha256").update(blob).digest("hex")}`;
      response.writeHead(200, {
        ...{ "content-type": type, "content-length": blob.length, "docker-content-digest": hash },
      });
      response.end(blob);
    });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return new ImageRegistry(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function* programEntries(): AsyncGenerator<LayerEntry> {
  yield textFile("bin/app", 0o755, program);
}
