import type { Row } from "./store.ts";

/** Keys asked for at once, so that no answer takes long. */
const keysMax = 512;

/**
 * Reads that come in one turn of the event loop, asked for together and each key once: every write reads its
 * namespace, so that of many at once most want the same. Whoever asks is answered by a look that began afterwards.
 */
export class ReadQueue {
  readonly #read: (keys: readonly string[]) => Promise<readonly Row[]>;
  /** As many as there are requests at work. */
  #waiting = new Map<string, PromiseWithResolvers<Row | undefined>>();

  constructor(read: (keys: readonly string[]) => Promise<readonly Row[]>) {
    this.#read = read;
  }

  get(key: string): Promise<Row | undefined> {
    let one = this.#waiting.get(key);
    if (one === undefined) {
      if (this.#waiting.size === 0) setImmediate(() => this.#flush());
      one = Promise.withResolvers();
      this.#waiting.set(key, one);
    }
    return one.promise;
  }

  #flush(): void {
    const waiting = [...this.#waiting];
    this.#waiting = new Map();
    for (let at = 0; at < waiting.length; at += keysMax) void this.#ask(waiting.slice(at, at + keysMax));
  }

  async #ask(waiting: readonly (readonly [string, PromiseWithResolvers<Row | undefined>])[]): Promise<void> {
    try {
      const rows = await this.#read(waiting.map(([key]) => key));
      const found = new Map(rows.map((row) => [row.key, row]));
      for (const [key, { resolve }] of waiting) resolve(found.get(key));
    } catch (error) {
      for (const [, { reject }] of waiting) reject(error);
    }
  }
}
