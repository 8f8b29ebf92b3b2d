/**
 * Logs that nodes have uploaded, kept on disk within a budget, and read back for `kubectl logs` when the
 * node itself cannot be asked. A node takes an acknowledgement as "kept", so appending resolves once the
 * lines are on the disk.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type LogOptions, StatusError } from "@selvedge/apiserver";
import { describeError, type Log, LruMap } from "@selvedge/base";
import type { NodeId } from "../ports.ts";
import type { UploadedLogs } from "../tunnel/node-streams.ts";
import { LogBundleError, type LogLine, readLogBundle } from "./log-bundle.ts";
import { LogFiles } from "./log-files.ts";
import { formatLine, selectLines } from "./log-selection.ts";

export interface LogStoreOptions {
  readonly folder: string;
  readonly log: Log;
  /** Bytes of all logs together. */
  readonly budget?: number;
}

const budgetDefault = 4 * 2 ** 30;
/** Logs whose state is kept in memory; others are opened again when they are written to. */
const openMax = 1000;
/** Lines by which a repeated upload is known: more than a bundle has. */
const rememberedMax = 10_000;
const ownerPattern = /^[0-9a-f-]{36}$/;

interface OpenLog {
  readonly files: LogFiles;
  /** What was appended lately, to know it again. */
  readonly known: Set<string>;
}

export class LogStore implements UploadedLogs {
  readonly #options: LogStoreOptions;
  readonly #open = new LruMap<string, Promise<OpenLog>>(openMax);
  readonly #writes = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(owner: string, lines: readonly LogLine[]) => void>();
  /**
   * Owners in the order of their last write, oldest first: whose oldest lines go when the budget is used
   * up.
   */
  readonly #owners = new Map<string, true>();
  #bytes = 0;

  private constructor(options: LogStoreOptions) {
    this.#options = options;
  }

  static async open(options: LogStoreOptions): Promise<LogStore> {
    const store = new LogStore(options);
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    for (const owner of await readdir(options.folder)) {
      if (!ownerPattern.test(owner)) continue;
      store.#owners.set(owner, true);
      store.#bytes += await store.#files(owner).bytes();
    }
    return store;
  }

  /** A bundle of a node's own log. */
  deviceLogs(node: NodeId, gzip: Uint8Array): Promise<void> {
    return this.#take(node, gzip, true);
  }

  appLogs(_node: NodeId, app: string, gzip: Uint8Array): Promise<void> {
    return this.#take(app, gzip, false);
  }

  /** What is kept of a node's own log, oldest first: at most as much as one log may have. */
  ofNode(node: NodeId): Promise<readonly LogLine[]> {
    return this.#files(node).read();
  }

  /** Called with lines once they are kept, by the node or app they are of. Returns how to stop. */
  onLines(listener: (owner: string, lines: readonly LogLine[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  read(app: string, options: LogOptions, signal: AbortSignal): Readable {
    return Readable.from(this.#texts(app, options, signal), { objectMode: false });
  }

  async *#texts(app: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<string> {
    const lines = await this.#files(app).read();
    const chosen = selectLines(lines, options);
    if (options.previous && chosen.length === 0 && options.tailLines !== 0) {
      const message = `no log of a previous ${options.container} has been uploaded`;
      throw new StatusError(404, "NotFound", message);
    }
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    let continues = false;
    const format = (line: LogLine): string => {
      const text = cut(formatLine(line, options.timestamps, continues), left);
      left -= Buffer.byteLength(text);
      continues = line.partial;
      return text;
    };
    const follower = options.follow ? new Follower(this.#listeners, app) : undefined;
    try {
      for (const line of chosen) {
        if (left <= 0) return;
        yield format(line);
      }
      if (follower === undefined) return;
      for await (const line of follower.lines(signal)) {
        if (left <= 0) return;
        if (line.container === "" || line.container === options.container) yield format(line);
      }
    } finally {
      follower?.stop();
    }
  }

  async #take(owner: string, gzip: Uint8Array, isDevice: boolean): Promise<void> {
    const { log } = this.#options;
    if (!ownerPattern.test(owner)) throw new Error(`${owner} is no UUID`);
    let lines: readonly LogLine[];
    try {
      const bundle = await readLogBundle(gzip);
      lines = isDevice ? bundle.lines : bundle.lines.map(({ origin: _origin, ...line }) => line);
      if (bundle.broken > 0) log.warn("log lines could not be read", { owner, lines: bundle.broken });
    } catch (error) {
      if (!(error instanceof LogBundleError)) throw error;
      // Sent again it would be the same: the node must not keep it for ever.
      log.warn("a bundle of logs was dropped", { owner, bytes: gzip.length, error: describeError(error) });
      return;
    }
    const before = this.#writes.get(owner);
    const write = this.#append(owner, lines, before);
    // One after the other; who comes next must not fail because this one did.
    const settled = write.catch(() => undefined);
    this.#writes.set(owner, settled);
    try {
      await write;
    } finally {
      if (this.#writes.get(owner) === settled) this.#writes.delete(owner);
    }
  }

  async #append(owner: string, lines: readonly LogLine[], before: Promise<void> | undefined): Promise<void> {
    await before;
    const { files, known } = await this.#openLog(owner);
    const fresh = lines.filter((line) => line.id === 0 || !known.has(keyOf(line)));
    if (fresh.length === 0) return;
    this.#bytes += await files.append(fresh);
    for (const line of fresh) known.add(keyOf(line));
    for (const key of known) {
      if (known.size <= rememberedMax) break;
      known.delete(key);
    }
    this.#owners.delete(owner);
    this.#owners.set(owner, true);
    await this.#makeRoom();
    for (const listener of this.#listeners) listener(owner, fresh);
  }

  async #makeRoom(): Promise<void> {
    const { budget = budgetDefault, log } = this.#options;
    while (this.#bytes > budget) {
      const oldest = this.#owners.keys().next().value;
      if (oldest === undefined) return;
      const freed = await (await this.#openLog(oldest)).files.dropOldest();
      this.#bytes -= freed;
      if (freed === 0) this.#owners.delete(oldest);
      else log.debug("old log lines went, the budget is used up", { owner: oldest, bytes: freed });
    }
  }

  #openLog(owner: string): Promise<OpenLog> {
    let opened = this.#open.get(owner);
    if (opened === undefined) {
      const files = this.#files(owner);
      opened = files
        .newest(rememberedMax)
        .then((lines) => ({ files, known: new Set(lines.slice(-rememberedMax).map(keyOf)) }));
      opened.catch(() => this.#open.delete(owner));
      this.#open.set(owner, opened);
    }
    return opened;
  }

  #files(owner: string): LogFiles {
    return new LogFiles(join(this.#options.folder, owner));
  }
}

function keyOf({ at, id }: LogLine): string {
  return `${id}/${at}`;
}

/** As much of the text as fits, in whole characters. */
function cut(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
  return encoded.toString("utf8", 0, end);
}

/** Lines that arrive while somebody follows. */
class Follower {
  readonly #listeners: Set<(owner: string, lines: readonly LogLine[]) => void>;
  readonly #listener: (owner: string, lines: readonly LogLine[]) => void;
  #lines: LogLine[] = [];
  #wake: (() => void) | undefined;

  constructor(listeners: Set<(owner: string, lines: readonly LogLine[]) => void>, app: string) {
    this.#listeners = listeners;
    this.#listener = (owner, lines) => {
      if (owner !== app) return;
      // A reader that is slower than a log that arrives by the minute loses the oldest, as it would from a
      // node.
      this.#lines = [...this.#lines, ...lines].slice(-rememberedMax);
      this.#wake?.();
    };
    listeners.add(this.#listener);
  }

  async *lines(signal: AbortSignal): AsyncGenerator<LogLine> {
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      const batch = this.#lines;
      this.#lines = [];
      yield* batch;
      if (this.#lines.length > 0 || signal.aborted) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stop(): void {
    this.#listeners.delete(this.#listener);
  }
}
