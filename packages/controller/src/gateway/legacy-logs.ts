import { crc32, deflateRawSync } from "node:zlib";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { logs } from "@selvedge/eve-api";

/** Bits of the flags byte of gzip: an original file name, or a comment. */
const nameFlag = 0x08;
const commentFlag = 0x10;
const unknownSystem = 255;
const none = 0;

/** Logs as old versions of EVE send them, in the form new ones use: one gzip, one JSON object a line. */
export function fromLogBundle({ devID, image, eveVersion, log }: logs.LogBundle): Uint8Array {
  return gzip(commentFlag, JSON.stringify({ devID, image, eveVersion }), log);
}

export function fromAppLogBundle({ log }: logs.AppInstanceLogBundle): Uint8Array {
  return gzip(nameFlag, "", log);
}

/** zlib cannot write a header's comment; the header is ten bytes and a text. */
function gzip(flag: number, text: string, entries: readonly logs.LogEntry[]): Uint8Array {
  const content = Buffer.from(entries.map((entry) => `${JSON.stringify(lineOf(entry))}\n`).join(""));
  const header = Buffer.from([0x1f, 0x8b, 8, flag, 0, 0, 0, 0, none, unknownSystem]);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, Buffer.from(`${text}\0`, "latin1"), deflateRawSync(content), trailer]);
}

/** The keys are those of Go's own JSON, not of protobuf's. */
function lineOf(entry: logs.LogEntry): Record<string, unknown> {
  const { severity, source, iid, content, msgid, tags, timestamp, filename, function: name } = entry;
  const millis = timestamp === undefined ? undefined : timestampDate(timestamp).getTime();
  return {
    ...{ severity, source, iid, content, msgid: Number(msgid) },
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    ...(millis === undefined
      ? {}
      : { timestamp: { seconds: Math.floor(millis / 1000), nanos: timestamp?.nanos ?? 0 } }),
    ...(filename === "" ? {} : { filename }),
    ...(name === "" ? {} : { function: name }),
  };
}
