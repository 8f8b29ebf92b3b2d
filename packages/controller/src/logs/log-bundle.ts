/**
 * Bundles of logs as nodes upload them: gzip, one JSON object a line, its header saying whose they are.
 * Everything in them comes from outside, so sizes are bounded before anything is believed.
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** One line of a log. */
export interface LogLine {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  /** Empty when the sender does not know containers. */
  readonly container: string;
  readonly stream: "stdout" | "stderr";
  /** Restarts of the container before this line. */
  readonly restart: number;
  /** The sender's sequence number; 0 when it has none. */
  readonly id: number;
  /** The line goes on in the next one. */
  readonly partial: boolean;
  readonly text: string;
  /** Who of the node's own software said it, and how grave it is; not kept of apps, where it says nothing. */
  readonly origin?: { readonly source: string; readonly severity: string };
}

export interface LogBundle {
  /** What the gzip header says: for device logs a LogBundle without its log, as JSON; else the app's name. */
  readonly comment: string;
  readonly name: string;
  readonly lines: readonly LogLine[];
  /** Lines that could not be read. */
  readonly broken: number;
}

export class LogBundleError extends Error {
  override name = "LogBundleError";
}

/** EVE closes a file at 550,000 bytes; room for others, and none for a bomb. */
const unpackedMax = 8 * 1024 * 1024;
const lineMax = 64 * 1024;
/** No name of a Pod's parts is longer. */
const containerMax = 253;
/**
 * More than 550,000 bytes have; beyond it lines that say nothing would cost a hundred times what they are
 * sent as.
 */
const linesMax = 10_000;
const flag = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10 } as const;
const unzip = promisify(gunzip);

export async function readLogBundle(gzip: Uint8Array): Promise<LogBundle> {
  const { name, comment } = readGzipHeader(gzip);
  let text: string;
  try {
    text = (await unzip(gzip, { maxOutputLength: unpackedMax })).toString("utf8");
  } catch (cause) {
    throw new LogBundleError("the bundle cannot be decompressed, or is too long", { cause });
  }
  return { name, comment, ...parseLines(text) };
}

function parseLines(text: string): Pick<LogBundle, "lines" | "broken"> {
  const lines: LogLine[] = [];
  let broken = 0;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(at, end);
    at = end + 1;
    if (line === "") continue;
    const parsed = lines.length < linesMax ? parseEntry(line) : undefined;
    if (parsed === undefined) broken++;
    else lines.push(parsed);
  }
  return { lines, broken };
}

/** The texts in a gzip header (RFC 1952), which zlib skips. */
export function readGzipHeader(gzip: Uint8Array): { name: string; comment: string } {
  if (gzip.length < 10 || gzip[0] !== 0x1f || gzip[1] !== 0x8b || gzip[2] !== 8) {
    throw new LogBundleError("this is no gzip");
  }
  const flags = gzip[3] ?? 0;
  let at = 10;
  if (flags & flag.extra) at += 2 + (gzip[at] ?? 0) + 256 * (gzip[at + 1] ?? 0);
  const text = (): string => {
    const end = gzip.indexOf(0, at);
    if (end < 0) throw new LogBundleError("the gzip header does not end");
    const found = Buffer.from(gzip.subarray(at, end)).toString("latin1");
    at = end + 1;
    return found;
  };
  const name = flags & flag.name ? text() : "";
  const comment = flags & flag.comment ? text() : "";
  return { name, comment };
}

function parseEntry(line: string): LogLine | undefined {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null || !("timestamp" in entry)) return undefined;
  // Go leaves an empty line's content out.
  const content = entry["content"] ?? "";
  if (typeof content !== "string") return undefined;
  const tags = (entry["tags"] ?? {}) as Record<string, unknown>;
  const id = Number(entry["msgid"] ?? 0);
  const restart = Number(tags["restart"] ?? 0);
  return {
    at: timeOf(entry["timestamp"]),
    // EVE puts there a process id that the app wrote itself: who tells streams apart tells containers apart.
    container: tags["stream"] === undefined ? "" : short(entry["iid"], containerMax),
    stream: tags["stream"] === "stderr" ? "stderr" : "stdout",
    restart: Number.isSafeInteger(restart) && restart >= 0 ? restart : 0,
    id: Number.isSafeInteger(id) && id >= 0 ? id : 0,
    partial: tags["partial"] === "true",
    origin: { source: short(entry["source"]), severity: short(entry["severity"]) },
    text: content.slice(0, lineMax).replace(/\n+$/, ""),
  };
}

function short(value: unknown, max = 100): string {
  return typeof value === "string" ? value.slice(0, max) : "";
}

/** Go writes {"seconds":N,"nanos":N}; protobuf's own JSON is RFC 3339. */
function timeOf(value: unknown): bigint {
  if (typeof value === "string") {
    const millis = Date.parse(value);
    return Number.isNaN(millis) ? 0n : BigInt(millis) * 1_000_000n;
  }
  const { seconds = 0, nanos = 0 } = (value ?? {}) as { seconds?: unknown; nanos?: unknown };
  const [whole, part] = [Number(seconds), Number(nanos)];
  if (!Number.isSafeInteger(whole) || !Number.isSafeInteger(part)) return 0n;
  return BigInt(whole) * 1_000_000_000n + BigInt(part);
}
