import { describeError, type Log } from "@selvedge/base";
import type { AppId } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import { VaultLockedError } from "../host/sealed-disk.ts";
import type { PostedKey, PostedKind } from "../observed.ts";

const path = "metadata/posted.json";

/**
 * What apps posted, kept on disk: a controller that forgot it is told again. Bounded by the number of apps
 * and by what one may post.
 */
export class PostedData {
  readonly #store: EngineStore;
  readonly #disk: Disk;
  readonly #log: Log;

  constructor(store: EngineStore, disk: Disk, log: Log) {
    this.#store = store;
    this.#disk = disk;
    this.#log = log;
  }

  async load(): Promise<void> {
    try {
      const bytes = await this.#disk.read(path);
      if (bytes === undefined) return;
      const rows = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>;
      for (const [key, data] of Object.entries(rows)) this.#store.posted.set(key as PostedKey, data);
    } catch (error) {
      if (error instanceof VaultLockedError) return;
      this.#log.warn("what apps posted is unreadable; they have to post it again", {
        error: describeError(error),
      });
    }
  }

  async post(app: AppId, kind: PostedKind, data: Uint8Array): Promise<void> {
    this.#store.posted.set(`${app}/${kind}`, Buffer.from(data).toString("base64"));
    await this.#keep();
  }

  /** Of apps that are gone nothing is kept. */
  async sweep(): Promise<void> {
    const wanted = new Set<string>(this.#store.desired.get()?.apps.map(({ id }) => id));
    const gone = this.#store.posted.keys().filter((key) => !wanted.has(key.split("/")[0] ?? ""));
    for (const key of gone) this.#store.posted.delete(key);
    if (gone.length > 0) await this.#keep();
  }

  async #keep(): Promise<void> {
    const rows = Object.fromEntries(this.#store.posted.entries());
    await this.#disk.writeDurable(path, new TextEncoder().encode(JSON.stringify(rows)));
  }
}
