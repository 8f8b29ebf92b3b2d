import { LruMap } from "@selvedge/base";
import type { ZMetricMsg } from "@selvedge/eve-api";

/** Apps times envelopes that are remembered: more than one controller serves. */
const usesMax = 200_000;

/**
 * Which apps have fetched which version of which patch envelope, in memory: after a restart it comes again with
 * the next figures.
 */
export class PatchUse {
  readonly #fetched = new LruMap<string, string>(usesMax);
  readonly #listeners = new Set<(uid: string) => void>();

  take(message: ZMetricMsg): void {
    for (const { AppID: app, patchEnvelope } of message.am) {
      for (const { uuid, version, downloadCount } of patchEnvelope) {
        const key = `${app}/${uuid}`;
        if (downloadCount === 0n || this.#fetched.get(key) === version) continue;
        this.#fetched.set(key, version);
        for (const listener of [...this.#listeners]) listener(uuid);
      }
    }
  }

  hasFetched(app: string, uid: string, version: string): boolean {
    return this.#fetched.get(`${app}/${uid}`) === version;
  }

  /** Called with the envelope that another app has fetched. Returns how to stop. */
  onPatch(listener: (uid: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
