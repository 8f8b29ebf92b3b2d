import { type Encryption, sealedWith } from "./encryption.ts";
import type { Change, Page, PageQuery, Row, Snapshot, Store, Subscription, WriteOutcome } from "./store.ts";

/** What a store can do to all of a prefix at once, without anybody noticing. */
export interface Rewriting {
  /**
   * Puts other texts in the place of values below `prefix`, in the log too: such as mean the same, so no revision
   * is used up and no watcher is told. Returns how many places it changed.
   */
  rewrite(prefix: string, change: (key: string, value: string) => string): Promise<number>;
}

/**
 * A store that seals what it is told to before it is written, and opens it before anybody sees it. What was stored
 * in the clear before is read as it is.
 */
export class EncryptedStore implements Store {
  readonly #store: Store & Rewriting;
  readonly #encryption: Encryption;
  readonly #prefixes: readonly string[];
  /** One opened change for each sealed one: all watchers are to be given the same. */
  readonly #opened = new WeakMap<Change, Change>();

  /** `prefixes`: of the keys whose values are sealed. */
  constructor(store: Store & Rewriting, encryption: Encryption, prefixes: readonly string[]) {
    this.#store = store;
    this.#encryption = encryption;
    this.#prefixes = prefixes;
  }

  /** Seals anew what is not sealed with the newest key. Returns in how many places. */
  async reseal(): Promise<number> {
    const { newest } = this.#encryption;
    const change = (key: string, value: string): string =>
      sealedWith(value) === newest ? value : this.#encryption.seal(key, this.#encryption.open(key, value));
    let changed = 0;
    for (const prefix of this.#prefixes) changed += await this.#store.rewrite(prefix, change);
    return changed;
  }

  async get(key: string): Promise<Row | undefined> {
    const row = await this.#store.get(key);
    return row && this.#openRow(row);
  }

  async list(prefix: string): Promise<Snapshot> {
    const { revision, rows } = await this.#store.list(prefix);
    return { revision, rows: rows.map((row) => this.#openRow(row)) };
  }

  async page(query: PageQuery): Promise<Page> {
    const page = await this.#store.page(query);
    return { ...page, rows: page.rows.map((row) => this.#openRow(row)) };
  }

  revision(): Promise<number> {
    return this.#store.revision();
  }

  hold(revision: number | undefined): Disposable {
    return this.#store.hold(revision);
  }

  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome> {
    const sealed = value !== undefined && this.#covers(key) ? this.#encryption.seal(key, value) : value;
    return this.#store.write(key, expected, sealed);
  }

  subscribe(prefix: string, revision: number): Subscription {
    const inner = this.#store.subscribe(prefix, revision);
    return {
      get revision() {
        return inner.revision;
      },
      take: async () => (await inner.take()).map((change) => this.#openChange(change)),
      wait: () => inner.wait(),
      wake: () => inner.wake(),
      close: () => inner.close(),
    };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #covers(key: string): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  #openRow(row: Row): Row {
    return this.#covers(row.key) ? { ...row, value: this.#encryption.open(row.key, row.value) } : row;
  }

  #openChange(change: Change): Change {
    if (!this.#covers(change.key)) return change;
    let opened = this.#opened.get(change);
    if (opened === undefined) {
      const open = (text: string | undefined): string | undefined =>
        text === undefined ? undefined : this.#encryption.open(change.key, text);
      opened = { ...change, value: open(change.value), previous: open(change.previous) };
      this.#opened.set(change, opened);
    }
    return opened;
  }
}
