/**
 * Logs as EVE uploads them: one gzip file, whose header says what it is about and whose lines are JSON.
 * Node's zlib writes no header fields, so the file is put together here (RFC 1952) around its raw deflate.
 * Pure.
 */
import { crc32, deflateRawSync } from "node:zlib";
import type { Instant } from "@selvedge/base";

export interface LogEntry {
  readonly severity: string;
  readonly source: string;
  readonly iid: string;
  readonly content: string;
  readonly msgid: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly at: Instant;
  readonly function: string;
}

export type BundleAbout =
  | { readonly kind: "device"; readonly node: string; readonly version: string }
  | { readonly kind: "app"; readonly name: string };

/** Beyond this EVE's own uploader gives a file up; controllers read no larger ones. */
export const bundleMax = 65_536;
/** What a file is aimed at. */
export const bundleAim = 50_000;
/** Readers (Adam's among them) stop at a line of 64 KiB; the other fields are short. */
const contentBytesMax = 60_000;

/**
 * A line as Go's encoding/json writes the API's struct: empty fields left out, the time as seconds and nanos.
 */
export function logLine(entry: LogEntry): string {
  const { severity, source, iid, msgid, tags, at } = entry;
  const content = fitting(entry.content);
  const seconds = Math.floor(at / 1000);
  const nanos = Math.round((at - seconds * 1000) * 1e6);
  return JSON.stringify({
    ...(severity === "" ? {} : { severity }),
    ...(source === "" ? {} : { source }),
    ...(iid === "" ? {} : { iid }),
    // Go would leave an empty one out; an app's empty line is a line all the same.
    content,
    ...(msgid === 0 ? {} : { msgid }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    timestamp: { ...(seconds === 0 ? {} : { seconds }), ...(nanos === 0 ? {} : { nanos }) },
    ...(entry.function === "" ? {} : { function: entry.function }),
  });
}

/** The text, or as much of its beginning as fits once JSON has escaped it. */
function fitting(text: string): string {
  let part = text;
  while (Buffer.byteLength(JSON.stringify(part)) > contentBytesMax)
    part = part.slice(0, Math.floor(part.length / 2));
  return part === text ? text : `${part} … (cut)`;
}

const flagName = 0x08;
const flagComment = 0x10;
const deflate = 8;
const bestCompression = 2;
const unknownSystem = 255;

export function logBundle(about: BundleAbout, lines: readonly string[], at: Instant): Uint8Array {
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const comment = about.kind === "device";
  const field = comment
    ? JSON.stringify({ devID: about.node, image: "", eveVersion: about.version })
    : about.name;
  const header = Buffer.alloc(10);
  header.set([0x1f, 0x8b, deflate, comment ? flagComment : flagName]);
  header.writeUInt32LE(Math.floor(at / 1000) % 2 ** 32, 4);
  header.set([bestCompression, unknownSystem], 8);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(text), 0);
  trailer.writeUInt32LE(text.length % 2 ** 32, 4);
  return new Uint8Array(
    Buffer.concat([header, latin1(field), Uint8Array.of(0), deflateRawSync(text, { level: 9 }), trailer]),
  );
}

const latin1Max = 0xff;

/** Header strings are Latin-1 and end at a zero; anything else becomes a question mark. */
function latin1(text: string): Buffer {
  const codes = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
  return Buffer.from(codes.map((code) => (code > 0 && code <= latin1Max ? code : 0x3f)));
}
