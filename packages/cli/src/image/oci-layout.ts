/** An image on disk as the OCI image layout says: a folder, or a tar of that folder. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { extract, type Pack, pack } from "tar-stream";
import { UsageError } from "../io.ts";
import {
  type Descriptor,
  describe,
  encodeConfig,
  encodeIndex,
  encodeManifest,
  mediaTypes,
  type PackedLayer,
  type RunConfig,
  refNameAnnotation,
} from "./image-config.ts";
import { folderEntries, type LayerEntry } from "./layer-source.ts";

/** The date of every file in a layer: the same content must give the same digest on every day. */
const epoch = new Date(0);

export interface ImageSource {
  /** Lowest first. */
  readonly layers: readonly AsyncIterable<LayerEntry>[];
  readonly run: RunConfig;
  /** The name it gets inside the layout: `latest`, `hello:1`. */
  readonly name: string;
}

/** Writes an image as a layout folder, or as a tar when the name ends in `.tar`; returns its manifest. */
export async function writeImage(
  output: string,
  source: ImageSource,
  signal: AbortSignal,
): Promise<Descriptor> {
  await mkdir(dirname(output), { recursive: true });
  // Beside the target, so that moving it there is one step and half an image never has the right name.
  const folder = await mkdtemp(`${output}.new-`);
  try {
    const manifest = await fillLayout(folder, source, signal);
    await rm(output, { recursive: true, force: true });
    if (output.endsWith(".tar")) {
      await tarFolder(folder, `${folder}/image.tar`, signal);
      await rename(`${folder}/image.tar`, output);
    } else {
      await chmod(folder, 0o755);
      await rename(folder, output);
    }
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fillLayout(folder: string, source: ImageSource, signal: AbortSignal): Promise<Descriptor> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const layers: PackedLayer[] = [];
  for (const entries of source.layers) layers.push(await writeLayer(folder, entries, signal));
  const config = await writeBlob(folder, mediaTypes.config, encodeConfig(source.run, layers));
  const manifest = await writeBlob(folder, mediaTypes.manifest, encodeManifest(config, layers));
  const named = { ...manifest, annotations: { [refNameAnnotation]: source.name } };
  await writeFile(join(folder, "index.json"), encodeIndex(named));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return manifest;
}

async function writeBlob(folder: string, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = describe(mediaType, bytes);
  await writeFile(blobPath(folder, descriptor.digest), bytes);
  return descriptor;
}

async function writeLayer(
  folder: string,
  entries: AsyncIterable<LayerEntry>,
  signal: AbortSignal,
): Promise<PackedLayer> {
  const file = join(folder, "layer");
  const tar = pack();
  const [plain, packed] = [new HashThrough(), new HashThrough()];
  await fillTar(
    tar,
    entries,
    pipeline(tar, plain, createGzip({ level: 6 }), packed, createWriteStream(file), { signal }),
  );
  const digest = packed.digest();
  await rename(file, blobPath(folder, digest));
  return { mediaType: mediaTypes.layer, digest, size: packed.size, diffId: plain.digest() };
}

/** Ends with whichever of filling and writing fails first: what is stopped takes no further entry. */
async function fillTar(tar: Pack, entries: AsyncIterable<LayerEntry>, written: Promise<void>): Promise<void> {
  const fill = async (): Promise<void> => {
    for await (const entry of entries) await addEntry(tar, entry);
    tar.finalize();
  };
  try {
    await Promise.all([fill(), written]);
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    await written.catch(() => undefined);
    throw error;
  }
}

async function addEntry(tar: Pack, entry: LayerEntry): Promise<void> {
  const owner = { uid: 0, gid: 0, mtime: epoch };
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    switch (entry.kind) {
      case "folder":
        tar.entry({ name: `${entry.path}/`, type: "directory", mode: entry.mode, ...owner }, done);
        break;
      case "symlink":
        tar.entry({ name: entry.path, type: "symlink", linkname: entry.target, mode: 0o777, ...owner }, done);
        break;
      case "file": {
        const header = { name: entry.path, mode: entry.mode, size: entry.size, ...owner };
        const content = entry.open();
        if (content instanceof Uint8Array) tar.entry(header, Buffer.from(content), done);
        else content.on("error", reject).pipe(tar.entry(header, done));
        break;
      }
    }
  });
}

async function tarFolder(folder: string, target: string, signal: AbortSignal): Promise<void> {
  const tar = pack();
  const others = async function* (): AsyncGenerator<LayerEntry> {
    for await (const entry of folderEntries(folder)) if (join(folder, entry.path) !== target) yield entry;
  };
  await fillTar(tar, others(), pipeline(tar, createWriteStream(target), { signal }));
}

/** Lets bytes pass and remembers their SHA-256 and number. */
class HashThrough extends Transform {
  readonly #hash = createHash("sha256");
  size = 0;

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: null, chunk: Buffer) => void,
  ): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
    done(null, chunk);
  }

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

/** An OCI layout opened for reading. A tar is unpacked to a folder of its own, removed at the end. */
export class OciLayout implements AsyncDisposable {
  readonly #folder: string;
  readonly #temporary: boolean;

  private constructor(folder: string, temporary: boolean) {
    this.#folder = folder;
    this.#temporary = temporary;
  }

  static async open(path: string): Promise<OciLayout> {
    const info = await stat(path).catch((error: unknown) => {
      throw new UsageError(`there is no image at ${path}`, { cause: error });
    });
    if (info.isDirectory()) return new OciLayout(path, false);
    const layout = new OciLayout(await mkdtemp(join(tmpdir(), "selvedge-image-")), true);
    try {
      await untarLayout(path, layout.#folder);
      return layout;
    } catch (error) {
      await layout[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The image the layout names `name`; its only one when no name is asked for. */
  async manifest(name: string | undefined): Promise<Descriptor> {
    const text = await readFile(join(this.#folder, "index.json"), "utf8").catch((error: unknown) => {
      throw new UsageError("this is not an OCI image layout: it has no index.json", { cause: error });
    });
    const { manifests = [] } = JSON.parse(text) as { manifests?: Descriptor[] };
    const names = manifests.map(({ annotations }) => annotations?.[refNameAnnotation] ?? "(no name)");
    const matching = name === undefined ? manifests : manifests.filter((_, at) => names[at] === name);
    const [only, ...others] = matching;
    if (only === undefined || others.length > 0) {
      throw new UsageError(`the layout holds ${names.join(", ") || "no image"}; choose one with --name`);
    }
    return only;
  }

  /** A document of the image: a manifest, an index. */
  async read(digest: string): Promise<Uint8Array> {
    return await readFile(blobPath(this.#folder, digest));
  }

  /** The file that holds a blob. */
  path(digest: string): string {
    return blobPath(this.#folder, digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#temporary) await rm(this.#folder, { recursive: true, force: true });
  }
}

function blobPath(folder: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new UsageError(`the layout refers to ${digest}, not a SHA-256`);
  return join(folder, "blobs", "sha256", digest.slice("sha256:".length));
}

/** Takes the files an OCI layout has and nothing else, so a strange tar cannot write outside the folder. */
async function untarLayout(tar: string, folder: string): Promise<void> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const unpacker = extract();
  unpacker.on("entry", (header, stream, next) => {
    const name = header.name.replace(/^\.\//, "");
    const wanted =
      header.type === "file" && /^(?:oci-layout|index\.json|blobs\/sha256\/[0-9a-f]{64})$/.test(name);
    const sink = wanted
      ? createWriteStream(join(folder, name))
      : new Writable({ write: (_chunk, _encoding, done) => done() });
    pipeline(stream, sink).then(() => next(), next);
  });
  await pipeline(createReadStream(tar), unpacker);
}
