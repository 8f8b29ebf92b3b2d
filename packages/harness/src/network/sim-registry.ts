/**
 * An OCI registry in memory, for the simulated network: it serves what tests put in, and lies when told to.
 */
import { createHash } from "node:crypto";
import type { SimAnswer, SimRequest, SimServer } from "./sim-network.ts";

export interface RegistryFaults {
  /** It answers 503 to everything. */
  down: boolean;
  /** Odds that a blob comes with other bytes than its digest says. */
  wrongBytes: number;
  /** Odds that a blob ends early, with a length that says nothing of it. */
  truncated: number;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";

export class SimRegistry implements SimServer {
  readonly faults: RegistryFaults = { down: false, wrongBytes: 0, truncated: 0 };
  readonly #random: { next(): number };
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #manifests = new Map<string, Uint8Array>();
  /** Bytes of blobs sent, to see that a download went on instead of starting again. */
  sentBytes = 0;

  constructor(random: { next(): number }) {
    this.#random = random;
  }

  /** Adds an image under `repository:tag`; returns its digest. */
  add(repository: string, tag: string, layers: readonly Uint8Array[]): string {
    const config = encode({
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: ["serve"] },
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    });
    for (const blob of [config, ...layers]) this.#blobs.set(digestOf(blob), blob);
    const describe = (mediaType: string, blob: Uint8Array): object => ({
      mediaType,
      digest: digestOf(blob),
      size: blob.length,
    });
    const manifest = encode({
      schemaVersion: 2,
      mediaType: manifestType,
      config: describe(configType, config),
      layers: layers.map((layer) => describe(layerType, layer)),
    });
    const digest = digestOf(manifest);
    for (const name of [tag, digest]) this.#manifests.set(`${repository}/${name}`, manifest);
    return digest;
  }

  async handle({ method, target, headers }: SimRequest): Promise<SimAnswer> {
    if (this.faults.down) return answer(503, encode({ errors: [{ code: "UNAVAILABLE" }] }));
    const [, repository = "", kind = "", name = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)$/.exec(target) ?? [];
    if (method !== "GET" && method !== "HEAD") return answer(405, new Uint8Array());
    if (kind === "manifests") {
      const manifest = this.#manifests.get(`${repository}/${name}`);
      if (manifest === undefined) return answer(404, encode({ errors: [{ code: "MANIFEST_UNKNOWN" }] }));
      return answer(200, manifest, { "content-type": manifestType });
    }
    const blob = kind === "blobs" ? this.#blobs.get(name) : undefined;
    if (blob === undefined) return answer(404, encode({ errors: [{ code: "BLOB_UNKNOWN" }] }));
    const start = Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? 0);
    if (start > 0 && start >= blob.length) return answer(416, new Uint8Array());
    const rest = this.#meddle(blob.slice(start));
    this.sentBytes += rest.length;
    const range = { "content-range": `bytes ${start}-${blob.length - 1}/${blob.length}` };
    return answer(start > 0 ? 206 : 200, rest, start > 0 ? range : {});
  }

  #meddle(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    if (this.#random.next() < this.faults.truncated) return bytes.slice(0, bytes.length >> 1);
    if (this.#random.next() < this.faults.wrongBytes) {
      const at = Math.floor(this.#random.next() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    }
    return bytes;
  }
}

function answer(status: number, body: Uint8Array, headers: Record<string, string> = {}): SimAnswer {
  return { status, headers: { "content-length": String(body.length), ...headers }, body };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
