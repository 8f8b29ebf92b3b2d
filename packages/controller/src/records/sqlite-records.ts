import type { DatabaseSync, StatementSync } from "node:sqlite";
import { SqliteThread, ThreadDiedError, type ThreadOptions } from "@selvedge/apiserver";
import type { Records } from "../ports.ts";
import { checkSize, openRecords, type RecordWrite, recordsWriter } from "./records-file.ts";

type Writes = Map<string, RecordWrite>;

/**
 * Records in one SQLite file, the one that holds the objects; in memory for the path ":memory:". What is written
 * shows at once. It is put on the disk together with what else comes while the thread waits for that, and is there
 * when `settled` says so: what a node was told must survive a power cut.
 */
export class SqliteRecords implements Records, AsyncDisposable {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #entries: StatementSync;
  /** From the first write on; never in memory, where there is no disk to wait for. */
  #thread: SqliteThread<readonly RecordWrite[], void> | undefined;
  readonly #commit: (writes: readonly RecordWrite[]) => Promise<void>;
  /** The newest of each record that is not in the file yet: what goes with the next group, and the group under way. */
  #waiting: Writes = new Map();
  #underway: Writes = new Map();
  /** When that is safe. */
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string, threads: ThreadOptions = {}) {
    this.#database = openRecords(path);
    this.#get = this.#database.prepare("select value from records where bucket = ? and key = ?");
    this.#entries = this.#database.prepare("select key, value from records where bucket = ? order by key");
    const inMemory = path === ":memory:" ? recordsWriter(this.#database) : undefined;
    this.#commit = async (writes) => {
      if (inMemory !== undefined) return inMemory(writes);
      this.#thread ??= new SqliteThread(new URL("./records-worker.ts", import.meta.url), path, threads);
      const thread = this.#thread;
      // Whether the one that died wrote them or not: written again they are what they are.
      await thread.commit(writes).catch((error: unknown) => {
        if (error instanceof ThreadDiedError) return thread.commit(writes);
        throw error;
      });
    };
  }

  get(bucket: string, key: string): Uint8Array | undefined {
    const name = `${bucket}/${key}`;
    const write = this.#waiting.get(name) ?? this.#underway.get(name);
    if (write !== undefined) return write.value;
    return this.#get.get(bucket, key)?.["value"] as Uint8Array | undefined;
  }

  put(bucket: string, key: string, value: Uint8Array): void {
    checkSize(bucket, key, value);
    this.#write({ bucket, key, value: new Uint8Array(value) });
  }

  delete(bucket: string, key: string): void {
    this.#write({ bucket, key, value: undefined });
  }

  /** All of a bucket as it is now; what is written while the caller walks it does not show. */
  entries(bucket: string): Iterable<readonly [key: string, value: Uint8Array]> {
    const rows = this.#entries.all(bucket) as unknown as { key: string; value: Uint8Array }[];
    const stored = rows.map(({ key, value }) => [key, value] as const);
    const writes = [...this.#underway.values(), ...this.#waiting.values()];
    const own = writes.filter((write) => write.bucket === bucket);
    if (own.length === 0) return stored;
    const entries = new Map(stored);
    for (const { key, value } of own) {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
    return [...entries].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** What could not be written is tried again with what comes, and for whoever asks. */
  settled(): Promise<void> {
    return this.#waiting.size > 0 ? this.#gather() : this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.settled();
    } finally {
      await this.#thread?.close();
      this.#database.close();
    }
  }

  #write(write: RecordWrite): void {
    this.#waiting.set(`${write.bucket}/${write.key}`, write);
    void this.#gather();
  }

  #gather(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#writeGroup(this.#last);
      // Who asks whether it is safe hears of a failure.
      this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  async #writeGroup(before: Promise<void>): Promise<void> {
    await before.catch(() => undefined);
    // What else this turn of the event loop brings comes along.
    await new Promise(setImmediate);
    this.#last = this.#next ?? this.#last;
    this.#next = undefined;
    [this.#underway, this.#waiting] = [this.#waiting, new Map()];
    try {
      await this.#commit([...this.#underway.values()]);
    } catch (error) {
      this.#waiting = new Map([...this.#underway, ...this.#waiting]);
      throw error;
    } finally {
      this.#underway = new Map();
    }
  }
}
