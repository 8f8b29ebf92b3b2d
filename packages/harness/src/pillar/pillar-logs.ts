/** A device's bundles of log lines: gzip with the words of Go's JSON, named in the header. */
import { crc32, deflateRawSync } from "node:zlib";
import type { Instant } from "@selvedge/base";

const nameFlag = 0x08;
const commentFlag = 0x10;

/** A device's own lines carry a comment, an app's its name. */
export type LogHeader = { readonly comment: object } | { readonly name: string };

export function logBundle(header: LogHeader, lines: readonly object[], at: Instant): Uint8Array {
  const isDevice = "comment" in header;
  const text = isDevice ? JSON.stringify(header.comment) : header.name;
  const head = Buffer.from([0x1f, 0x8b, 8, isDevice ? commentFlag : nameFlag, 0, 0, 0, 0, 2, 255]);
  head.writeUInt32LE(Math.floor(at / 1000), 4);
  const content = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(`${text}\0`, "latin1"), deflateRawSync(content), tail]);
}

export function logLine(source: string, content: string, msgid: number, at: Instant): object {
  const timestamp = { seconds: Math.floor(at / 1000), nanos: (at % 1000) * 1_000_000 };
  return { severity: "info", source, iid: "1", content, msgid, timestamp };
}

/** How long until the next file, by how many wait; a fifth more or less, by chance. */
export function uploadWait(waiting: number, slowed: boolean, chance: number): number {
  const rows: readonly (readonly [number, number])[] = [
    ...([
      [5, 90],
      [25, 45],
      [50, 30],
      [200, 15],
      [1000, 8],
    ] as const),
  ];
  const seconds = rows.find(([below]) => waiting < below)?.[1] ?? 3;
  return seconds * (slowed ? 2 : 1) * (0.8 + 0.4 * chance) * 1000;
}
