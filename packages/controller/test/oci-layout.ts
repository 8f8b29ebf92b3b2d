import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

export const manifestType = "application/vnd.oci.image.manifest.v1+json";

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** One image of one layer, as `oci:` paths have it. */
export function writeLayout(path: string): void {
  mkdirSync(join(path, "blobs/sha256"), { recursive: true });
  const put = (bytes: Uint8Array | string): { digest: string; size: number } => {
    const digest = digestOf(bytes);
    writeFileSync(join(path, "blobs/sha256", digest.slice(7)), bytes);
    return { digest, size: Buffer.byteLength(bytes) };
  };
  const source = mkdtempSync(join(tmpdir(), "selvedge-layout-"));
  writeFileSync(join(source, "hello"), "hello\n");
  const tar = execFileSync("tar", [
    "--owner=0",
    "--group=0",
    "--mtime=@0",
    "-cf",
    "-",
    "-C",
    source,
    "hello",
  ]);
  rmSync(source, { recursive: true });
  // Compressed already, or skopeo would do it and change the digest.
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...put(gzipSync(tar)) };
  const rootfs = { type: "layers", diff_ids: [digestOf(tar)] };
  const config = put(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs }));
  const manifest = put(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: manifestType, layers: [layer] },
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    }),
  );
  const annotations = { "org.opencontainers.image.ref.name": "1" };
  const manifests = [{ mediaType: manifestType, ...manifest, annotations }];
  writeFileSync(join(path, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(path, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}
