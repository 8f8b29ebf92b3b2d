import { type Instant, instant } from "@selvedge/base";

/**
 * A line on disk, or a piece of one: what a container wrote without ending the line is stored as it comes.
 */
export interface StoredLine {
  readonly sequence: number;
  readonly attempt: number;
  /** Bytes of the attempt up to and including this piece. */
  readonly offset: number;
  readonly at: Instant;
  readonly channel: 1 | 2;
  /** False: the next piece of the same channel goes on in the same line. */
  readonly whole: boolean;
  /** Without the line's end. */
  readonly text: Uint8Array;
}

const newline = 10;
const space = 32;

export function encodeLine(line: StoredLine): Uint8Array {
  const { sequence, attempt, offset, at, channel, whole, text } = line;
  const head = `${sequence} ${attempt} ${offset} ${at} ${channel === 2 ? "e" : "o"}${whole ? "F" : "P"} `;
  return Buffer.concat([Buffer.from(head, "latin1"), text, Uint8Array.of(newline)]);
}

/** The lines of a segment. What a power cut left unreadable is skipped. */
export function decodeLines(bytes: Uint8Array): StoredLine[] {
  const lines: StoredLine[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(newline, start);
    if (end < 0) break;
    const line = decodeLine(bytes.subarray(start, end));
    if (line !== undefined) lines.push(line);
    start = end + 1;
  }
  return lines;
}

function decodeLine(bytes: Uint8Array): StoredLine | undefined {
  let at = -1;
  for (let spaces = 0; spaces < 5; spaces++) {
    at = bytes.indexOf(space, at + 1);
    if (at < 0) return undefined;
  }
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, at).toString("latin1").split(" ");
  const [sequence, attempt, offset, time] = head.slice(0, 4).map(Number);
  const flags = head[4] ?? "";
  if (![sequence, attempt, offset, time].every(Number.isSafeInteger) || !/^[oe][FP]$/.test(flags))
    return undefined;
  return {
    sequence: sequence ?? 0,
    attempt: attempt ?? 0,
    offset: offset ?? 0,
    at: instant(time ?? 0),
    channel: flags[0] === "e" ? 2 : 1,
    whole: flags[1] === "F",
    text: bytes.subarray(at + 1),
  };
}
