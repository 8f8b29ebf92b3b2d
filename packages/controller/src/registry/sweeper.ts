/**
 * Removes what no manifest needs. A manifest stays until it is deleted, as a Pod may name it by digest long
 * after its tag has moved on; blobs go when nothing refers to them and they have been left alone for the
 * grace time.
 */
import { unlinkSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, describeError, hours, type Log, type Millis, type Timer } from "@selvedge/base";
import type { BlobStore } from "./blob-store.ts";
import { list, orMissing, temporarySuffix } from "./durable-files.ts";
import { parseManifest } from "./manifest.ts";

export interface SweeperOptions {
  readonly store: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly grace?: Millis;
}

export interface Swept {
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

/** A push over a slow line takes hours between its first blob and its manifest. */
const graceDefault: Millis = hours(24);
const sweepEvery: Millis = hours(6);

export class Sweeper implements Disposable {
  readonly #options: SweeperOptions;
  #timer: Timer | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, log } = this.#options;
    this.#timer = clock.setTimer(sweepEvery, () => {
      this.sweep().catch((error: unknown) =>
        log.error("the registry could not be swept; trying again later", { error: describeError(error) }),
      );
      this.start();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  /** One pass; undefined when another is under way. */
  async sweep(): Promise<Swept | undefined> {
    const { store, clock, log, grace = graceDefault } = this.#options;
    const before = clock.now() - grace;
    return await store.sweeping(async (isPromised) => {
      const { blobs, uploads, repositories } = store.paths;
      const expired = await removeOld(uploads, before);
      await removeOld(blobs, before, (name) => name.endsWith(temporarySuffix));
      const needed = await neededBlobs(repositories, blobs);
      const swept = { blobs: 0, bytes: 0, uploads: expired };
      for (const name of await list(blobs)) {
        const path = join(blobs, name);
        const found = await orMissing(stat(path));
        if (needed.has(name) || found === undefined || found.mtimeMs >= before) continue;
        // Nobody can be told about it between this check and its end.
        if (isPromised(name)) continue;
        unlinkSync(path);
        swept.blobs++;
        swept.bytes += found.size;
      }
      await removeDeadLinks(repositories, blobs);
      if (swept.blobs + swept.uploads > 0) log.info("swept the registry", { ...swept });
      return swept;
    });
  }
}

/** Every blob that a manifest of any repository is, or refers to, by hexadecimal digest. */
async function neededBlobs(repositories: string, blobs: string): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const folder of await foldersNamed(repositories, "_manifests")) {
    for (const name of await list(folder)) {
      if (needed.has(name)) continue;
      needed.add(name);
      const bytes = await orMissing(readFile(join(blobs, name)));
      if (bytes === undefined) continue;
      const content = parseManifest(bytes);
      for (const digest of [...content.blobs, ...content.manifests]) {
        needed.add(digest.slice("sha256:".length));
      }
    }
  }
  return needed;
}

async function removeDeadLinks(repositories: string, blobs: string): Promise<void> {
  const there = new Set(await list(blobs));
  for (const folder of await foldersNamed(repositories, "_blobs")) {
    for (const name of await list(folder)) {
      if (!there.has(name)) await rm(join(folder, name), { force: true });
    }
  }
}

async function removeOld(
  folder: string,
  before: number,
  which: (name: string) => boolean = () => true,
): Promise<number> {
  let removed = 0;
  for (const name of (await orMissing(readdir(folder))) ?? []) {
    const path = join(folder, name);
    const found = which(name) ? await orMissing(stat(path)) : undefined;
    if (found === undefined || found.mtimeMs >= before) continue;
    await rm(path, { force: true });
    removed++;
  }
  return removed;
}

/** Folders of this name anywhere below; a repository's own folders begin with an underscore. */
async function foldersNamed(root: string, wanted: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await orMissing(readdir(root, { withFileTypes: true }))) ?? []) {
    if (!entry.isDirectory()) continue;
    const path = join(root, entry.name);
    if (entry.name === wanted) found.push(path);
    else if (!entry.name.startsWith("_")) found.push(...(await foldersNamed(path, wanted)));
  }
  return found;
}
