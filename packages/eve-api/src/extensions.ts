import { type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { readVarint, varintOf } from "./varint.ts";

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
  const length = readVarint(field.data, 0);
  if (length === undefined) throw new ExtensionError(`extension of ${message.$typeName} has no length`);
  if (length.next + length.value !== field.data.length)
    throw new ExtensionError(`extension of ${message.$typeName} has a wrong length`);
  try {
    return fromBinary(schema, field.data.subarray(length.next));
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
  const prefix = varintOf(body.length);
  const data = new Uint8Array(prefix.length + body.length);
  data.set(prefix);
  data.set(body, prefix.length);
  const others = (message.$unknown ?? []).filter(({ no }) => no !== extensionField);
  message.$unknown = [...others, { no: extensionField, wireType: lengthDelimited, data }];
}
