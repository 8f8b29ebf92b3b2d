/** Files in one, as whoever helps from afar gets them. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Instant } from "@selvedge/base";
import { pack } from "tar-stream";

/** Of one text; what is cut is older than what is kept. */
const textMax = 1 << 20;

/** A packed tar of texts and bytes, by name below a folder such as `reports/`. */
export async function archive(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  now: Instant,
): Promise<Uint8Array> {
  return await promisify(gzip)(await plainArchive(folder, files, now));
}

export async function plainArchive(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  now: Instant,
): Promise<Uint8Array> {
  const tar = pack();
  for (const [name, file] of Object.entries(files)) {
    const content = typeof file === "string" ? file.slice(-textMax) : Buffer.from(file);
    tar.entry({ name: `${folder}${name}`, mtime: new Date(now), mode: 0o644 }, content);
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
