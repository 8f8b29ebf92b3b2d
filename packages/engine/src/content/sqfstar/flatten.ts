import { createReadStream } from "node:fs";
import { type Readable, Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract, type Header, type Pack, pack } from "tar-stream";
import { BadImageError } from "../image-builder.ts";
import { type EntryHeader, type Inode, LayerTree } from "./layer-tree.ts";

/** An entry as tar-stream hands it out: a stream of its own kind, which pipes as Node's do. */
type Entry = Readable & { readonly header: Header };

export interface LayerFile {
  readonly file: string;
  readonly mediaType: string;
}

export interface FlattenLimits {
  /** Of all layers together once decompressed: what a compression bomb runs into. */
  readonly bytesMax: number;
}

/**
 * Writes one tar with what the layers make together. Two passes: the first reads headers and decides which
 * entries live on, the second copies those. Nothing is unpacked, so nothing in a hostile layer can touch
 * the host.
 */
export async function flatten(
  layers: readonly LayerFile[],
  limits: FlattenLimits,
  output: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
  const tree = new LayerTree();
  const budget = { left: limits.bytesMax };
  for (const [index, layer] of layers.entries())
    await readEntries(layer, budget, signal, async (entry, at) => tree.add(index, at, entry.header));
  const { folders, inodes } = tree.result();
  const byPlace = placesOf(inodes);

  const out = pack();
  const written = pipeline(out as unknown as Readable, output, { signal });
  const work = async (): Promise<void> => {
    for (const [path, header] of folders) await writeEmpty(out, folderHeader(path, header));
    const again = { left: limits.bytesMax };
    for (const [index, layer] of layers.entries())
      await readEntries(layer, again, signal, async (entry, at) => {
        const names = byPlace.get(`${index}/${at}`);
        if (names !== undefined) await copyEntry(entry, names, out);
      });
    out.finalize();
  };
  await Promise.all([
    written,
    work().catch((error: unknown) => {
      out.destroy(error as Error);
      throw error;
    }),
  ]);
}

function placesOf(inodes: ReadonlyMap<Inode, string[]>): Map<string, string[]> {
  return new Map([...inodes].map(([inode, names]) => [`${inode.layer}/${inode.entry}`, names.toSorted()]));
}

async function readEntries(
  layer: LayerFile,
  budget: { left: number },
  signal: AbortSignal,
  visit: (entry: Entry, at: number) => Promise<void>,
): Promise<void> {
  const tar = extract();
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      budget.left -= chunk.length;
      if (budget.left < 0) done(new BadImageError("the image is larger than this node takes once unpacked"));
      else done(null, chunk);
    },
  });
  const stages = [createReadStream(layer.file), ...decompressor(layer.mediaType), counter, tar] as const;
  const fed = pipeline(stages as never, { signal });
  const read = async (): Promise<void> => {
    let at = 0;
    for await (const entry of tar as unknown as AsyncIterable<Entry>) {
      await visit(entry, at);
      entry.resume();
      at++;
    }
  };
  const results = await Promise.allSettled([fed, read()]);
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    if (signal.aborted || result.reason instanceof BadImageError) throw result.reason;
    throw new BadImageError(`a layer cannot be read`, { cause: result.reason });
  }
}

function decompressor(mediaType: string): Transform[] {
  if (/\+gzip$|\.gzip$/.test(mediaType)) return [createGunzip()];
  if (/\+zstd$/.test(mediaType)) return [createZstdDecompress()];
  return [];
}

async function copyEntry(entry: Entry, names: readonly string[], out: Pack): Promise<void> {
  const [first, ...others] = names;
  if (first === undefined) return;
  const header = cleanHeader(first, entry.header);
  if (header.type === "file") await writeFile(out, header, entry);
  else await writeEmpty(out, header);
  for (const name of others)
    await writeEmpty(out, { ...header, name, type: "link", linkname: first, size: 0 });
}

function folderHeader(path: string, header: EntryHeader | undefined): EntryHeader {
  if (header === undefined)
    return { name: path, type: "directory", mode: 0o755, uid: 0, gid: 0, mtime: epoch };
  return cleanHeader(path, header);
}

/**
 * Only what a root file system can mean goes on: of the extended attributes, file capabilities and the
 * user's own.
 */
function cleanHeader(name: string, header: EntryHeader): EntryHeader {
  const pax = Object.entries(header.pax ?? {}).filter(([key]) =>
    /^SCHILY\.xattr\.(user\.|security\.capability$)/.test(key),
  );
  const type = header.type === "contiguous-file" ? "file" : (header.type ?? "file");
  return {
    name,
    type,
    mode: header.mode ?? 0o644,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    mtime: header.mtime ?? epoch,
    size: type === "file" ? (header.size ?? 0) : 0,
    ...(header.linkname ? { linkname: header.linkname } : {}),
    ...(type.endsWith("device") ? { devmajor: header.devmajor ?? 0, devminor: header.devminor ?? 0 } : {}),
    ...(pax.length === 0 ? {} : { pax: Object.fromEntries(pax) }),
  };
}

const epoch = new Date(0);

function writeEmpty(out: Pack, header: EntryHeader): Promise<void> {
  return new Promise((resolve, reject) => {
    out.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

function writeFile(out: Pack, header: EntryHeader, content: Readable): Promise<void> {
  if ((header.size ?? 0) === 0) return writeEmpty(out, header);
  return new Promise((resolve, reject) => {
    const sink = out.entry(header, (error) => (error ? reject(error) : resolve()));
    content.on("error", reject);
    content.pipe(sink as unknown as Writable);
  });
}
