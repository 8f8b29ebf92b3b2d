import type { Instant } from "@selvedge/base";
import type { Disk } from "../../host/disk.ts";
import type { GuestOutput } from "../hypervisor.ts";
import { decodeLines, encodeLine, type StoredLine } from "./stored-line.ts";

/**
 * A segment is read whole: small enough to hold a few, large enough that a container has a hundred at most.
 */
const segmentBytes = 256 * 1024;
/** Per container, as Kubernetes' default of two files of 10 MiB. */
const logBytesMax = 20 * 1024 * 1024;
/** A longer line is stored in pieces. */
const lineMax = 16 * 1024;

interface Segment {
  /** Sequence of its first line; also its name. */
  readonly first: number;
  bytes: number;
}

interface Piece {
  readonly attempt: number;
  readonly at: Instant;
  readonly channel: 1 | 2;
  readonly whole: boolean;
  readonly text: Uint8Array;
}

interface Safe {
  readonly attempt: number;
  readonly offset: number;
}

/**
 * One container's log: what came and is not written yet, and the segments on disk, the oldest of which go
 * when the log is full. `<folder>/<sequence of the first line>.log`
 */
export class ContainerLog {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #segments: Segment[] = [];
  #pieces: Piece[] = [];
  /** Text of each channel whose line has not ended. */
  #open: Record<1 | 2, Uint8Array> = { 1: new Uint8Array(), 2: new Uint8Array() };
  #openAt: Instant | undefined;
  #attempt = 0;
  /** Bytes of the attempt that came so far. */
  #offset = 0;
  /** Bytes of the attempt that are stored, and said to be. */
  #stored = 0;
  #lastSequence = 0;
  /** Something came that is not kept, and the guest has not heard yet that it counts as taken. */
  #heard = false;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /**
   * Reads what an earlier engine left. A torn end is left behind in its segment; writing goes on in a new
   * one.
   */
  async load(): Promise<void> {
    const names = (await this.#disk.list(this.#folder)).filter((name) => /^\d+\.log$/.test(name)).sort();
    const segments: Segment[] = [];
    for (const name of names) {
      const bytes = (await this.#disk.size(`${this.#folder}/${name}`)) ?? 0;
      segments.push({ first: Number.parseInt(name, 10), bytes });
    }
    const last = segments.at(-1);
    const lines = last === undefined ? [] : await this.#read(last);
    if (last !== undefined) last.bytes = segmentBytes;
    this.#segments.push(...segments);
    // What came before this could be read is of a machine that went on: its own words count.
    const began = this.#attempt > 0;
    for (const line of lines) {
      this.#lastSequence = line.sequence;
      if (began) continue;
      this.#attempt = line.attempt;
      this.#offset = line.offset;
      this.#stored = line.offset;
    }
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get waiting(): boolean {
    return this.#heard || this.#pieces.length > 0 || this.#open[1].length + this.#open[2].length > 0;
  }

  /**
   * Takes what the guest sent; what was stored before the engine was replaced is recognised and dropped. What is not
   * to be kept counts as taken.
   */
  push(output: GuestOutput, keep = true): void {
    if (output.attempt < this.#attempt) return;
    if (!keep) this.#heard = true;
    if (output.attempt > this.#attempt) this.#begin(output.attempt);
    let { offset, bytes } = output;
    if (offset > this.#offset && keep) {
      const text = Buffer.from(`[${offset - this.#offset} bytes lost while the engine was away]`);
      this.#pieces.push({ attempt: output.attempt, at: output.at, channel: 2, whole: true, text });
    } else if (offset <= this.#offset) {
      bytes = bytes.subarray(this.#offset - offset);
      offset = this.#offset;
    }
    if (bytes.length === 0) return;
    this.#offset = offset + bytes.length;
    if (keep) this.#split(output, bytes);
  }

  /**
   * Writes everything that came; what comes meanwhile is for the next time. `next` gives the sequence of each line.
   * Returns the attempt and how many of its bytes are now safe.
   */
  async flush(next: () => number): Promise<Safe> {
    for (const channel of [1, 2] as const) this.#closePiece(channel, false);
    const safe = { attempt: this.#attempt, offset: this.#offset };
    this.#heard = false;
    for (let left = this.#pieces.length; left > 0; ) left -= await this.#append(next, safe, left);
    if (safe.attempt === this.#attempt) this.#stored = safe.offset;
    await this.#trim();
    return safe;
  }

  /** The stored lines after `sequence`, at most those of one segment; none: nothing newer is stored. */
  async linesAfter(sequence: number): Promise<StoredLine[]> {
    for (const [at, segment] of this.#segments.entries()) {
      const next = this.#segments[at + 1];
      if (next !== undefined && next.first <= sequence + 1) continue;
      const lines = (await this.#read(segment)).filter((line) => line.sequence > sequence);
      if (lines.length > 0) return lines;
    }
    return [];
  }

  /** The sequence after which the last `count` whole lines of an attempt begin. */
  async tailStart(attempt: number, count: number): Promise<number> {
    let missing = count;
    for (const segment of this.#segments.toReversed()) {
      for (const line of (await this.#read(segment)).toReversed()) {
        if (line.attempt < attempt) return line.sequence;
        if (line.attempt > attempt || !line.whole) continue;
        // The line before the wanted ones ends here.
        if (missing === 0) return line.sequence;
        missing--;
      }
    }
    return 0;
  }

  #begin(attempt: number): void {
    for (const channel of [1, 2] as const) this.#closePiece(channel, true);
    this.#attempt = attempt;
    this.#offset = 0;
    this.#stored = 0;
  }

  #split({ channel, at }: GuestOutput, bytes: Uint8Array): void {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#addOpen(channel, bytes.subarray(start, end), at);
      this.#pieces.push({ attempt: this.#attempt, at, channel, whole: true, text: this.#open[channel] });
      this.#open[channel] = new Uint8Array();
      start = end + 1;
    }
    this.#addOpen(channel, bytes.subarray(start), at);
  }

  #addOpen(channel: 1 | 2, bytes: Uint8Array, at: Instant): void {
    for (let start = 0; start < bytes.length; ) {
      const part = bytes.subarray(start, start + lineMax - this.#open[channel].length);
      this.#open[channel] = Buffer.concat([this.#open[channel], part]);
      this.#openAt = at;
      start += part.length;
      if (this.#open[channel].length >= lineMax) this.#closePiece(channel, false);
    }
  }

  #closePiece(channel: 1 | 2, whole: boolean): void {
    const text = this.#open[channel];
    if (text.length === 0 || this.#openAt === undefined) return;
    this.#pieces.push({ attempt: this.#attempt, at: this.#openAt, channel, whole, text });
    this.#open[channel] = new Uint8Array();
  }

  /**
   * Writes as many of the first `most` pieces as fit into the newest segment, or begins another. What cannot be
   * written stays. The last of them says that all up to `safe` is stored: whoever reads the others alone, because
   * the engine was killed between two writes, asks the guest again for what is behind them.
   */
  async #append(next: () => number, safe: Safe, most: number): Promise<number> {
    let segment = this.#segments.at(-1);
    const parts: Uint8Array[] = [];
    let taken = 0;
    let bytes = segment === undefined || segment.bytes >= segmentBytes ? 0 : segment.bytes;
    let sequence = this.#lastSequence;
    for (const piece of this.#pieces.slice(0, most)) {
      if (bytes >= segmentBytes) break;
      sequence = next();
      if (taken === 0 && (segment === undefined || segment.bytes >= segmentBytes)) {
        segment = { first: sequence, bytes: 0 };
        this.#segments.push(segment);
      }
      const upTo = taken === most - 1 ? safe.offset : this.#stored;
      const offset = piece.attempt === safe.attempt ? upTo : 0;
      const encoded = encodeLine({ ...piece, sequence, offset });
      parts.push(encoded);
      bytes += encoded.length;
      taken++;
    }
    if (segment === undefined) return taken;
    try {
      await this.#disk.append(this.#path(segment), Buffer.concat(parts));
    } catch (error) {
      // Part of it may be there: the next try begins a segment of its own.
      segment.bytes = segmentBytes;
      throw error;
    }
    segment.bytes = bytes;
    this.#lastSequence = sequence;
    this.#pieces = this.#pieces.slice(taken);
    return taken;
  }

  async #trim(): Promise<void> {
    let total = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
    while (total > logBytesMax && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (oldest === undefined) return;
      total -= oldest.bytes;
      await this.#disk.remove(this.#path(oldest));
    }
  }

  async #read(segment: Segment): Promise<StoredLine[]> {
    const bytes = await this.#disk.read(this.#path(segment));
    return bytes === undefined ? [] : decodeLines(bytes);
  }

  #path({ first }: Segment): string {
    return `${this.#folder}/${`${first}`.padStart(16, "0")}.log`;
  }
}
