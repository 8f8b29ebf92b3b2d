/**
 * The TPM commands the node needs, one method each (TCG Library, part 3). All keys are P-256 with an empty
 * password.
 */
import type { TpmChannel } from "./tpm-channel.ts";
import {
  algorithms,
  curveP256,
  frameCommand,
  headerLength,
  TpmFormatError,
  TpmReader,
  TpmWriter,
  tags,
} from "./tpm-wire.ts";

export type TpmHandle = number;

export interface EccPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** What a key is for; decides its attributes and scheme. */
export type KeyPurpose = "sign" | "exchange" | "attest";

/** The TPM refused; `code` is its response code. */
export class TpmError extends Error {
  override name = "TpmError";
  readonly code: number;

  constructor(command: string, code: number) {
    super(`TPM2_${command} failed with 0x${code.toString(16)}${meaning(code)}`);
    this.code = code;
  }
}

const commands = {
  EvictControl: 0x120,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Write: 0x137,
  ActivateCredential: 0x147,
  PolicySecret: 0x151,
  DictionaryAttackLockReset: 0x139,
  Startup: 0x144,
  NV_Read: 0x14e,
  Create: 0x153,
  ECDH_ZGen: 0x154,
  Load: 0x157,
  Quote: 0x158,
  Sign: 0x15d,
  Unseal: 0x15e,
  FlushContext: 0x165,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  Hash: 0x17d,
  PCR_Read: 0x17e,
  PolicyPCR: 0x17f,
} as const;
type Command = keyof typeof commands;

const hierarchyOwner = 0x40000001;
const hierarchyNull = 0x40000007;
const hierarchyLockout = 0x4000000a;
/**
 * TPMA_OBJECT: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA. Our keys have no password that
 * could be guessed; without noDA every power cut would count as a guess, and a few of them would lock the box
 * out of its own keys.
 */
const bound = 0x2 | 0x10 | 0x20 | 0x40 | 0x400;
const attributes: Readonly<Record<KeyPurpose, number>> = {
  sign: bound | 0x40000,
  exchange: bound | 0x20000,
  // Restricted: signs only what the TPM itself made, so that a quote cannot be forged with it.
  attest: bound | 0x40000 | 0x10000,
};
/** TPMA_NV: ownerWrite, authWrite, ownerRead, authRead, noDA. */
const nvAttributes = 0x2 | 0x4 | 0x20000 | 0x40000 | 0x2000000;

const codes = {
  initialize: 0x100,
  /** Handle 1 does not exist, and the same for an NV index. */
  handle: 0x18b,
  /** A transient or persistent handle that names nothing. */
  referenceH0: 0x910,
  nvUninitialized: 0x14a,
  nvDefined: 0x14c,
  lockedOut: 0x921,
} as const;
/** RETRY, YIELDED, TESTING: ask again. */
const tryAgain: ReadonlySet<number> = new Set([0x922, 0x908, 0x90a]);
const triesMax = 20;
const triesPauseMs = 50;
/** Quotes cover these; 16 and above can be reset by anybody. */
const quotedRegisters = 16;
const registers = 24;
/** Digests that one PCR_Read may give back. */
const registersPerRead = 8;

export class Tpm implements AsyncDisposable {
  readonly #channel: TpmChannel;
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: TpmChannel) {
    this.#channel = channel;
  }

  /**
   * Makes the key that this TPM's owner seed and `label` determine: the same one every time, until the TPM is
   * cleared.
   */
  async createPrimary(purpose: KeyPurpose, label: Uint8Array): Promise<TpmHandle> {
    const body = new TpmWriter()
      .u32(hierarchyOwner)
      .emptyAuth()
      .nested((sensitive) => sensitive.sized(empty).sized(empty))
      .nested((area) => {
        area.u16(algorithms.ecc).u16(algorithms.sha256).u32(attributes[purpose]).sized(empty);
        area.u16(algorithms.null);
        if (purpose === "exchange") area.u16(algorithms.null);
        else area.u16(algorithms.ecdsa).u16(algorithms.sha256);
        area.u16(curveP256).u16(algorithms.null).sized(label).sized(empty);
      })
      .sized(empty)
      .u32(0)
      .done();
    return (await this.run("CreatePrimary", true, body)).u32();
  }

  /** Keeps a transient key under a persistent handle, where it outlives power cuts. */
  async persist(transient: TpmHandle, persistent: TpmHandle): Promise<void> {
    const body = new TpmWriter().u32(hierarchyOwner).u32(transient).emptyAuth().u32(persistent).done();
    await this.run("EvictControl", true, body);
  }

  async flush(handle: TpmHandle): Promise<void> {
    await this.run("FlushContext", false, new TpmWriter().u32(handle).done());
  }

  /** The key's public point; undefined when nothing lies under the handle. */
  async readPublic(handle: TpmHandle): Promise<EccPoint | undefined> {
    const found = await this.readArea(handle);
    if (found === undefined) return undefined;
    const area = new TpmReader(found.area);
    if (area.u16() !== algorithms.ecc) throw new TpmFormatError(`0x${handle.toString(16)} holds no ECC key`);
    area.u16();
    area.u32();
    area.sized();
    if (area.u16() !== algorithms.null)
      throw new TpmFormatError(`0x${handle.toString(16)} holds a storage key`);
    if (area.u16() !== algorithms.null) area.u16();
    if (area.u16() !== curveP256) throw new TpmFormatError(`0x${handle.toString(16)} is not on P-256`);
    if (area.u16() !== algorithms.null) area.u16();
    return { x: padded(area.sized()), y: padded(area.sized()) };
  }

  /** What is public of the object and its name, as TCG has both; undefined when nothing lies there. */
  async readArea(handle: TpmHandle): Promise<{ area: Uint8Array; name: Uint8Array } | undefined> {
    const answer = await this.#ifThere("ReadPublic", false, new TpmWriter().u32(handle).done());
    return answer && { area: answer.sized().slice(), name: answer.sized().slice() };
  }

  /** r‖s over a SHA-256 digest. */
  async sign(key: TpmHandle, digest: Uint8Array): Promise<Uint8Array> {
    const body = new TpmWriter()
      .u32(key)
      .emptyAuth()
      .sized(digest)
      .u16(algorithms.null)
      // No ticket: the key is not restricted, so any digest will do.
      .u16(0x8024)
      .u32(hierarchyNull)
      .sized(empty)
      .done();
    return readSignature(await this.run("Sign", true, body));
  }

  /** The shared point of an exchange key and a peer's public point. */
  async sharedPoint(key: TpmHandle, peer: EccPoint): Promise<EccPoint> {
    const body = new TpmWriter()
      .u32(key)
      .emptyAuth()
      .nested((point) => point.sized(peer.x).sized(peer.y))
      .done();
    const point = new TpmReader((await this.run("ECDH_ZGen", true, body)).sized());
    return { x: padded(point.sized()), y: padded(point.sized()) };
  }

  async quote(key: TpmHandle, nonce: Uint8Array): Promise<{ attested: Uint8Array; signature: Uint8Array }> {
    const chosen = Array.from({ length: quotedRegisters }, (_, index) => index);
    const body = new TpmWriter()
      .u32(key)
      .emptyAuth()
      .sized(nonce)
      .u16(algorithms.null)
      .raw(registerSelection(chosen))
      .done();
    const answer = await this.run("Quote", true, body);
    return { attested: answer.sized().slice(), signature: readSignature(answer) };
  }

  /** The SHA-256 bank. */
  async readRegisters(): Promise<{ index: number; value: Uint8Array }[]> {
    const values: { index: number; value: Uint8Array }[] = [];
    for (let first = 0; first < registers; first += registersPerRead) {
      const chosen = Array.from({ length: registersPerRead }, (_, at) => first + at);
      const answer = await this.run("PCR_Read", false, registerSelection(chosen));
      answer.u32();
      answer.raw(4 + 2 + 1 + 3);
      const count = answer.u32();
      for (let at = 0; at < count; at++) values.push({ index: first + at, value: answer.sized().slice() });
    }
    return values;
  }

  /** Whose chip it is, and its firmware, as TCG has both. */
  async chip(): Promise<{ manufacturer: string; firmware: string }> {
    const [maker = 0] = await this.#properties(0x105, 1);
    const [first = 0, second = 0] = await this.#properties(0x10b, 2);
    const letters = [24, 16, 8, 0].map((shift) => String.fromCharCode((maker >>> shift) & 0xff)).join("");
    const parts = [first >>> 16, first & 0xffff, second >>> 16, second & 0xffff];
    return { manufacturer: letters.replace(/[^\x20-\x7e]/g, "").trim(), firmware: parts.join(".") };
  }

  async #properties(first: number, count: number): Promise<number[]> {
    const body = new TpmWriter().u32(6).u32(first).u32(count).done();
    const answer = await this.run("GetCapability", false, body);
    answer.u8();
    answer.u32();
    const given = answer.u32();
    const values: number[] = [];
    for (let at = 0; at < given; at++) {
      answer.u32();
      values.push(answer.u32());
    }
    return values;
  }

  async random(length: number): Promise<Uint8Array> {
    return (await this.run("GetRandom", false, new TpmWriter().u16(length).done())).sized().slice();
  }

  /** What lies in an NV index; undefined when it was never defined or never written. */
  async nvRead(index: TpmHandle, length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < length; at += nvPart) {
      const body = new TpmWriter()
        .u32(index)
        .u32(index)
        .emptyAuth()
        .u16(Math.min(nvPart, length - at))
        .u16(at);
      const answer = await this.#ifThere("NV_Read", true, body.done());
      if (answer === undefined) return undefined;
      parts.push(answer.sized());
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  /** Fills an NV index, which is defined with this length when it is not there. */
  async nvWrite(index: TpmHandle, bytes: Uint8Array): Promise<void> {
    const define = new TpmWriter()
      .u32(hierarchyOwner)
      .emptyAuth()
      .sized(empty)
      .nested((area) =>
        area.u32(index).u16(algorithms.sha256).u32(nvAttributes).sized(empty).u16(bytes.length),
      );
    try {
      await this.run("NV_DefineSpace", true, define.done());
    } catch (error) {
      if (!(error instanceof TpmError) || error.code !== codes.nvDefined) throw error;
    }
    for (let at = 0; at < bytes.length; at += nvPart) {
      const part = bytes.subarray(at, at + nvPart);
      const body = new TpmWriter().u32(index).u32(index).emptyAuth().sized(part).u16(at).done();
      await this.run("NV_Write", true, body);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#channel[Symbol.asyncDispose]();
  }

  async #ifThere(command: Command, sessions: boolean, body: Uint8Array): Promise<TpmReader | undefined> {
    try {
      return await this.run(command, sessions, body);
    } catch (error) {
      if (error instanceof TpmError && isMissing(error.code)) return undefined;
      throw error;
    }
  }

  /** The parameters of the answer, or its first handle and then them, as the command says. */
  run(command: Command, sessions: boolean, body: Uint8Array): Promise<TpmReader> {
    const mine = this.#last.then(() => this.#attempts(command, sessions, body));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #attempts(command: Command, sessions: boolean, body: Uint8Array): Promise<TpmReader> {
    let [started, unlocked] = [false, false];
    for (let tries = 1; ; tries++) {
      const answer = await this.#ask(frameCommand(commands[command], sessions, body));
      const code = answer.code;
      if (code === 0) return afterHandle(command, sessions, answer.rest);
      if (code === codes.initialize && !started) {
        // Nobody has started this TPM since its power came on; firmware does it on real boxes.
        started = true;
        await this.#ask(frameCommand(commands.Startup, false, new TpmWriter().u16(0).done()));
      } else if (code === codes.lockedOut && !unlocked) {
        // Power cuts of a box whose keys were made without noDA. Works while nobody has set a lockout
        // password.
        unlocked = true;
        const unlock = new TpmWriter().u32(hierarchyLockout).emptyAuth().done();
        await this.#ask(frameCommand(commands.DictionaryAttackLockReset, true, unlock));
      } else if (tryAgain.has(code) && tries < triesMax) {
        await new Promise((resolve) => setTimeout(resolve, triesPauseMs * tries));
      } else throw new TpmError(command, code);
    }
  }

  /** A connection that broke is opened once more: every command here may be given twice. */
  async #ask(command: Uint8Array): Promise<{ code: number; rest: TpmReader }> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#channel.exchange(command);
    } catch (error) {
      if (error instanceof TpmFormatError) throw error;
      bytes = await this.#channel.exchange(command);
    }
    if (bytes.length < headerLength) throw new TpmFormatError("the TPM's answer is cut short");
    const reader = new TpmReader(bytes);
    const tag = reader.u16();
    if (tag !== tags.plain && tag !== tags.withSessions)
      throw new TpmFormatError("what answers is not a TPM");
    reader.u32();
    return { code: reader.u32(), rest: reader };
  }
}

const empty = new Uint8Array();
/** Fits the NV buffer of every TPM. */
const nvPart = 512;

const givesHandle: ReadonlySet<Command> = new Set(["CreatePrimary", "Load", "StartAuthSession"]);

/** A handle comes before the length of the parameters; a command that gives one keeps it in front. */
function afterHandle(command: Command, sessions: boolean, reader: TpmReader): TpmReader {
  if (givesHandle.has(command)) return reader;
  if (sessions) reader.u32();
  return reader;
}

function readSignature(answer: TpmReader): Uint8Array {
  if (answer.u16() !== algorithms.ecdsa) throw new TpmFormatError("the signature is not ECDSA");
  answer.u16();
  const signature = new Uint8Array(64);
  signature.set(padded(answer.sized()), 0);
  signature.set(padded(answer.sized()), 32);
  return signature;
}

/** Coordinates and signature halves may come without their leading zeros. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(32);
  whole.set(bytes.subarray(-32), 32 - Math.min(32, bytes.length));
  return whole;
}

export function registerSelection(indexes: readonly number[]): Uint8Array {
  const bits = new Uint8Array(3);
  for (const index of indexes) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return new TpmWriter().u32(1).u16(algorithms.sha256).u8(3).raw(bits).done();
}

/** TPM_RC_HANDLE on whatever handle or parameter, without the number of it. */
function isMissing(code: number): boolean {
  const bare = code & 0x80 ? code & 0x0bf : code;
  return bare === (codes.handle & 0x0bf) || code === codes.referenceH0 || code === codes.nvUninitialized;
}

function meaning(code: number): string {
  if ((code & 0xff) === 0xa2 || (code & 0xff) === 0x8e) return ": the owner hierarchy has a password";
  if (code === codes.lockedOut) return ": the TPM is locked out after wrong passwords or power cuts";
  return "";
}
