/**
 * What firmware and boot loader measured, in TCG's crypto-agile form: a header in the older form, then
 * events with a digest for each bank. Replayed, it gives the registers as they were when the system started.
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

export interface MeasuredEvent {
  readonly register: number;
  /** TCG's number of what was measured, such as 0x80000003 for a program that was started. */
  readonly type: number;
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
  /** What can be read of the event's own words. */
  readonly text: string;
}

export interface EventLog {
  readonly events: readonly MeasuredEvent[];
  /** What the SHA-256 registers come to, for those that anything was measured into. */
  readonly registers: ReadonlyMap<number, Uint8Array>;
}

/** The log cannot be read. */
export class EventLogError extends Error {
  override name = "EventLogError";
}

/** EVE leaves a log out that makes its request larger than 62 KiB; logs pack ten to one. */
const logBytesMax = 1024 * 1024;
/** Firmware writes some hundreds. */
const eventsMax = 4096;
const banksMax = 16;
const registerCount = 24;
const noAction = 3;
const sha256Bank = 0x000b;
const digestLength = 32;
const textMax = 256;
const specName = "Spec ID Event03\0";
const localityName = "StartupLocality\0";

/** Reads a gzipped log. Throws EventLogError on one that is cut short, too long, or without SHA-256. */
export function readEventLog(gzip: Uint8Array): EventLog {
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(gzip, { maxOutputLength: logBytesMax });
  } catch (cause) {
    throw new EventLogError(`not gzip, or more than ${logBytesMax} bytes`, { cause });
  }
  const reader = new Reader(bytes);
  const sizes = readHeader(reader);
  const events: MeasuredEvent[] = [];
  const registers = new Map<number, Uint8Array>();
  while (!reader.isAtEnd) {
    if (events.length === eventsMax) throw new EventLogError(`more than ${eventsMax} events`);
    const { register, type, digest, data } = readEvent(reader, sizes);
    if (type === noAction) {
      const locality = localityOf(data);
      if (register === 0 && locality !== undefined) registers.set(0, startValue(locality));
    } else {
      const before = registers.get(register) ?? startValue(0);
      registers.set(register, new Uint8Array(createHash("sha256").update(before).update(digest).digest()));
    }
    events.push({ register, type, digest: digest.toHex(), text: words(data) });
  }
  return { events, registers };
}

/** The one event in the old form: it names the banks and how long their digests are. */
function readHeader(reader: Reader): ReadonlyMap<number, number> {
  reader.u32();
  if (reader.u32() !== noAction) throw new EventLogError("does not begin with a header");
  reader.take(20);
  const spec = new Reader(reader.take(reader.u32()));
  if (latin1(spec.take(specName.length)) !== specName) {
    throw new EventLogError("an older form than the crypto-agile one, which has no SHA-256");
  }
  spec.take(8);
  const count = spec.u32();
  if (count > banksMax) throw new EventLogError(`${count} banks`);
  const sizes = new Map(Array.from({ length: count }, () => [spec.u16(), spec.u16()] as const));
  if (sizes.get(sha256Bank) !== digestLength) throw new EventLogError("no SHA-256 bank");
  return sizes;
}

interface RawEvent {
  readonly register: number;
  readonly type: number;
  readonly digest: Uint8Array;
  readonly data: Uint8Array;
}

function readEvent(reader: Reader, sizes: ReadonlyMap<number, number>): RawEvent {
  const register = reader.u32();
  const type = reader.u32();
  if (register >= registerCount) throw new EventLogError(`register ${register}`);
  const count = reader.u32();
  if (count > banksMax) throw new EventLogError(`an event with ${count} digests`);
  let digest: Uint8Array | undefined;
  for (let index = 0; index < count; index++) {
    const bank = reader.u16();
    const size = sizes.get(bank);
    if (size === undefined) throw new EventLogError(`a digest of bank 0x${bank.toString(16)}`);
    const value = reader.take(size);
    if (bank === sha256Bank) digest = value;
  }
  const data = reader.take(reader.u32());
  if (digest === undefined && type !== noAction) throw new EventLogError("an event without SHA-256");
  return { register, type, digest: digest ?? new Uint8Array(digestLength), data };
}

/** Firmware that starts at another locality says so first; register 0 then begins with it. */
function localityOf(data: Uint8Array): number | undefined {
  const has = data.length > localityName.length && latin1(data).startsWith(localityName);
  return has ? data[localityName.length] : undefined;
}

function startValue(locality: number): Uint8Array {
  const value = new Uint8Array(digestLength);
  value[digestLength - 1] = locality;
  return value;
}

/** Paths and command lines are in UTF-16 or ASCII between numbers. */
function words(data: Uint8Array): string {
  const printable =
    latin1(data)
      .replaceAll("\0", "")
      .match(/[\x20-\x7e]{4,}/g) ?? [];
  return printable.join(" ").slice(0, textMax);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Little-endian numbers and bytes, never beyond the end. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  #skip(length: number): number {
    if (length > this.#bytes.length - this.#at) throw new EventLogError("cut short");
    this.#at += length;
    return this.#at - length;
  }
}
