/** A backup as a file: gzip of a line each for its head, every value, and its end. */
import { createReadStream, createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import type { Row } from "@selvedge/apiserver";
import { type Instant, instant } from "@selvedge/base";

export interface ArchiveHead {
  readonly revision: number;
  readonly at: Instant;
}

/** The file is no backup, or not all of one. */
export class ArchiveError extends Error {
  override name = "ArchiveError";
}

const format = "selvedge-backup";
const version = 1;

/** Writes it under another name first: a file with the name is whole. Returns how many values it holds. */
export async function writeArchive(
  path: string,
  head: ArchiveHead,
  pages: AsyncIterable<readonly Row[]>,
): Promise<number> {
  let rows = 0;
  async function* lines(): AsyncGenerator<string> {
    yield `${JSON.stringify({ format, version, ...head })}\n`;
    for await (const page of pages) {
      rows += page.length;
      yield page.map(({ key, revision, value }) => `${JSON.stringify({ key, revision, value })}\n`).join("");
    }
    yield `${JSON.stringify({ rows })}\n`;
  }
  const temporary = `${path}.new`;
  await pipeline(
    Readable.from(lines()),
    createGzip(),
    createWriteStream(temporary, { mode: 0o600, flush: true }),
  );
  await rename(temporary, path);
  return rows;
}

/** Reads a whole backup once, and tells what it is; throws when it is not whole. */
export async function readHead(path: string): Promise<ArchiveHead & { readonly rows: number }> {
  let head: ArchiveHead | undefined;
  let rows = 0;
  let end: number | undefined;
  for await (const line of linesOf(path)) {
    if (head === undefined) head = parseHead(line, path);
    else if (typeof line["rows"] === "number") end = line["rows"];
    else rows++;
  }
  if (head === undefined || end !== rows) {
    throw new ArchiveError(
      `${path} is not all of a backup: it holds ${rows} of ${end ?? "an unknown number of"} values`,
    );
  }
  return { ...head, rows };
}

/** The values of a backup that was read to its end before. */
export async function* readRows(path: string): AsyncGenerator<Row> {
  for await (const { key, revision, value } of linesOf(path)) {
    if (typeof key === "string" && typeof revision === "number" && typeof value === "string") {
      yield { key, revision, value };
    }
  }
}

async function* linesOf(path: string): AsyncGenerator<Record<string, unknown>> {
  const unpacked = createGunzip();
  const reading = pipeline(createReadStream(path), unpacked);
  reading.catch(() => undefined);
  try {
    for await (const line of createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield JSON.parse(line) as Record<string, unknown>;
    }
    await reading;
  } catch (cause) {
    throw new ArchiveError(`${path} cannot be read as a backup`, { cause });
  }
}

function parseHead(line: Record<string, unknown>, path: string): ArchiveHead {
  const { format: said, version: of, revision, at } = line;
  if (said !== format || typeof revision !== "number" || typeof at !== "number") {
    throw new ArchiveError(`${path} is no backup of Selvedge`);
  }
  if (of !== version)
    throw new ArchiveError(`${path} is a backup of version ${of}; this program reads ${version}`);
  return { revision, at: instant(at) };
}
