import { mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { LogLine } from "./log-bundle.ts";

/**
 * The segments of one log: files of JSON lines, numbered in the order they were begun.
 *
 *   <folder>/00000001.log  00000002.log  …
 */
export class LogFiles {
  readonly #folder: string;
  #segments: { readonly name: string; bytes: number }[] | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async bytes(): Promise<number> {
    return (await this.#open()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** On the disk when it resolves. Returns by how much the log has grown; negative when old segments went. */
  async append(lines: readonly LogLine[]): Promise<number> {
    const segments = await this.#open();
    const text = Buffer.from(lines.map((line) => `${encode(line)}\n`).join(""));
    const last = segments.at(-1);
    const fresh = last === undefined || last.bytes + text.length > segmentMax;
    const segment = fresh ? { name: nameAfter(last?.name), bytes: 0 } : last;
    await mkdir(this.#folder, { recursive: true });
    {
      await using file = await open(join(this.#folder, segment.name), "a", 0o600);
      try {
        await file.writeFile(text);
        await file.datasync();
      } catch (error) {
        // Half a bundle would be read as lines of a whole one.
        await file.truncate(segment.bytes);
        throw error;
      }
    }
    segment.bytes += text.length;
    if (fresh) segments.push(segment);
    let grown = text.length;
    while (segments.length > 1 && (await this.bytes()) > logMax) grown -= await this.dropOldest();
    return grown;
  }

  /** Removes the oldest segment and tells its size; 0 when there was none. */
  async dropOldest(): Promise<number> {
    const oldest = (await this.#open()).shift();
    if (oldest === undefined) return 0;
    await rm(join(this.#folder, oldest.name), { force: true });
    return oldest.bytes;
  }

  /** All lines, oldest first: at most logMax bytes of them. */
  async read(): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    for (const { name } of await this.#open()) lines.push(...(await this.#lines(name)));
    return lines;
  }

  /** The lines of the newest segments, at least `count` of them if there are as many. */
  async newest(count: number): Promise<LogLine[]> {
    let lines: LogLine[] = [];
    for (const { name } of (await this.#open()).toReversed()) {
      lines = [...(await this.#lines(name)), ...lines];
      if (lines.length >= count) break;
    }
    return lines;
  }

  async #lines(name: string): Promise<LogLine[]> {
    const text = await readFile(join(this.#folder, name), "utf8").catch((error: NodeJS.ErrnoException) => {
      // Dropped for room since we looked.
      if (error.code === "ENOENT") return "";
      throw error;
    });
    return text.split("\n").flatMap((line) => decode(line) ?? []);
  }

  async #open(): Promise<{ readonly name: string; bytes: number }[]> {
    if (this.#segments !== undefined) return this.#segments;
    let names: string[] = [];
    try {
      names = (await readdir(this.#folder)).filter((name) => /^\d{8}\.log$/.test(name)).toSorted();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    const sizes = names.map(async (name) => ({ name, bytes: (await stat(join(this.#folder, name))).size }));
    this.#segments ??= await Promise.all(sizes);
    return this.#segments;
  }
}

/** A fortnight of an ordinary app. More belongs into a log service, which apps can send to. */
const logMax = 8 * 1024 * 1024;
/** What is given up at once when there is more. */
const segmentMax = logMax / 8;

function nameAfter(name: string | undefined): string {
  return `${Number.parseInt(name ?? "0", 10) + 1}.log`.padStart("00000000.log".length, "0");
}

function encode({ at, container, stream, restart, id, partial, text, origin }: LogLine): string {
  return JSON.stringify([
    String(at),
    container,
    stream === "stderr" ? 2 : 1,
    restart,
    id,
    partial ? 1 : 0,
    text,
    ...(origin === undefined ? [] : [origin.source, origin.severity]),
  ]);
}

function decode(line: string): LogLine | undefined {
  if (line === "") return undefined;
  try {
    const [at, container, stream, restart, id, partial, text, source, severity] = JSON.parse(line);
    const name = stream === 2 ? "stderr" : "stdout";
    const read = {
      at: BigInt(at),
      container,
      stream: name,
      restart,
      id,
      partial: partial === 1,
      text,
    } as const;
    return source === undefined ? read : { ...read, origin: { source, severity } };
  } catch {
    // The last line of a file that a power cut ended.
    return undefined;
  }
}
