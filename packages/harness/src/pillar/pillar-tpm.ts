/** A TPM as a device of EVE uses it: registers, the log of what was measured into them, quotes. */
import { createHash, sign } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { KeyPair } from "./pillar-keys.ts";

const registers = 24;
/** Firmware, boot loader and system: what a quote covers. */
const quoted: readonly number[] = Array.from({ length: 16 }, (_, index) => index);
const sha256Algorithm = 0x000b;
const digestLength = 32;

export interface Measured {
  readonly register: number;
  readonly type: number;
  readonly digest: Uint8Array;
  readonly data: Uint8Array;
}

export interface TpmQuote {
  readonly attestData: Uint8Array;
  /** In DER: the one signature of the API that is. */
  readonly signature: Uint8Array;
  readonly registers: readonly { readonly index: number; readonly value: Uint8Array }[];
  /** Gzipped, as EVE sends it. */
  readonly eventLog: Uint8Array;
}

export class PillarTpm {
  readonly #key: KeyPair;
  #registers: Buffer[] = [];
  #log: Measured[] = [];
  #resets = 0;

  constructor(key: KeyPair) {
    this.#key = key;
  }

  /** Power on: what is measured depends on the system that starts. */
  boot(system: string): void {
    this.#resets++;
    this.#log = [];
    this.#registers = Array.from({ length: registers }, () => Buffer.alloc(digestLength));
    this.#measure(0, 0x08, "firmware 1.0");
    this.#measure(4, 0x80000003, "boot loader");
    this.#measure(8, 0x0d, `command line of ${system}`);
    this.#measure(14, 0x0d, system);
  }

  /** What the vault's key is sealed to. */
  state(): string {
    return this.#registers.map((value) => value.toString("hex")).join();
  }

  register(index: number): string {
    return this.#registers[index]?.toString("hex") ?? "";
  }

  quote(nonce: Uint8Array): TpmQuote {
    const digest = createHash("sha256");
    for (const index of quoted) digest.update(this.#registers[index] as Buffer);
    const attestData = Buffer.concat([
      Buffer.from("ff5443478018", "hex"),
      sized(Buffer.alloc(34, 7)),
      sized(Buffer.from(nonce)),
      Buffer.alloc(8, 1),
      u32be(this.#resets),
      Buffer.alloc(4),
      Buffer.of(1),
      Buffer.alloc(8),
      u32be(1),
      Buffer.from("000b03ffff00", "hex"),
      sized(digest.digest()),
    ]);
    return {
      attestData,
      signature: sign("sha256", attestData, this.#key.key),
      registers: this.#registers.map((value, index) => ({ index, value })),
      eventLog: gzipSync(encodeEventLog(this.#log)),
    };
  }

  #measure(register: number, type: number, what: string): void {
    const data = Buffer.from(what);
    const digest = createHash("sha256").update(data).digest();
    const before = this.#registers[register] as Buffer;
    this.#registers[register] = createHash("sha256").update(before).update(digest).digest();
    this.#log.push({ register, type, digest, data });
  }
}

/** TCG's crypto-agile form: one header in the old form, then events with a digest a bank. */
export function encodeEventLog(log: readonly Measured[]): Buffer {
  const spec = Buffer.concat([
    Buffer.from("Spec ID Event03\0"),
    Buffer.from("000000000002000201000000", "hex"),
    u16le(sha256Algorithm),
    u16le(digestLength),
    Buffer.of(0),
  ]);
  const header = Buffer.concat([u32le(0), u32le(3), Buffer.alloc(20), u32le(spec.length), spec]);
  const events = log.map(({ register, type, digest, data }) =>
    Buffer.concat([
      ...[u32le(register), u32le(type), u32le(1), u16le(sha256Algorithm), digest],
      ...[u32le(data.length), data],
    ]),
  );
  return Buffer.concat([header, ...events]);
}

function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u32le(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u16le(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
