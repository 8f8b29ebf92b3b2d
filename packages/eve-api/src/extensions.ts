import { type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";

/** The field of our extension is there, but not what it should be. */
export class ExtensionError extends Error {
  override name = "ExtensionError";
}

/** The field that carries our extension in EVE's messages; see docs/decisions/0001. */
const extensionField = 50_001;
/** Protobuf's wire type for length-delimited fields. */
const lengthDelimited = 2;

/**
 * Our extension of an EVE message, or undefined when the peer is not ours. Throws when the field is there
 * but broken.
 */
export function getExtension<Desc extends DescMessage>(
  message: Message,
  schema: Desc,
): MessageShape<Desc> | undefined {
  const field = message.$unknown?.findLast(
    ({ no, wireType }) => no === extensionField && wireType === lengthDelimited,
  );
  if (field === undefined) return undefined;
  const { length, at } = readVarint(field.data);
  if (at + length !== field.data.length)
    throw new ExtensionError(`extension of ${message.$typeName} has a wrong length`);
  try {
    return fromBinary(schema, field.data.subarray(at));
  } catch (cause) {
    throw new ExtensionError(`extension of ${message.$typeName} is no ${schema.typeName}`, { cause });
  }
}

/** Puts our extension into an EVE message, in place of one that is there. */
export function setExtension<Desc extends DescMessage>(
  message: Message,
  schema: Desc,
  value: MessageShape<Desc>,
): void {
  const body = toBinary(schema, value);
  const prefix = varint(body.length);
  const data = new Uint8Array(prefix.length + body.length);
  data.set(prefix);
  data.set(body, prefix.length);
  const others = (message.$unknown ?? []).filter(({ no }) => no !== extensionField);
  message.$unknown = [...others, { no: extensionField, wireType: lengthDelimited, data }];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

function readVarint(data: Uint8Array): { length: number; at: number } {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = data[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { length, at: at + 1 };
  }
  throw new ExtensionError("extension has no length");
}
