/**
 * Kubernetes' protobuf bodies as plain objects: four magic bytes, then runtime.Unknown, which names the kind
 * and holds the object. Driven by the kinds' tables; fields that a table lacks are skipped, as protobuf has
 * it, and named to whoever wants to know.
 */
import { instant, parseJson, toRfc3339 } from "@selvedge/base";
import { formatDuration } from "../go-duration.ts";
import type { ProtobufField, ProtobufMessage } from "../kind-definition.ts";
import type { JsonObject } from "../structural/walk.ts";
import { ProtobufError, Reader } from "./reader.ts";
import { checkNesting } from "./text-body.ts";

/** What a body says it is, before its kind's table is known. */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
  /** Empty or "application/vnd.kubernetes.protobuf" when `raw` is protobuf. */
  readonly contentType: string;
}

export const envelopePrefix: Uint8Array = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
/** Deeper than any kind nests. */
const depthMax = 64;
/** As many as a person reads. */
const skippedMax = 50;

const typeMeta: ProtobufMessage = {
  1: { name: "apiVersion", type: "string" },
  2: { name: "kind", type: "string" },
};
const unknown: ProtobufMessage = {
  1: { name: "typeMeta", type: "message", message: typeMeta },
  2: { name: "raw", type: "bytes" },
  3: { name: "contentEncoding", type: "string" },
  4: { name: "contentType", type: "string" },
};

export function decodeEnvelope(body: Uint8Array): ProtobufEnvelope {
  if (envelopePrefix.some((byte, index) => body[index] !== byte)) {
    throw new ProtobufError("the body does not begin with the Kubernetes protobuf prefix");
  }
  const { typeMeta: type, raw, contentType } = decodeProtobuf(unknown, body.subarray(envelopePrefix.length));
  const { apiVersion = "", kind = "" } = (type ?? {}) as { apiVersion?: string; kind?: string };
  const bytes = raw === undefined ? new Uint8Array() : Uint8Array.fromBase64(raw as string);
  return { apiVersion, kind, raw: bytes, contentType: (contentType as string | undefined) ?? "" };
}

/**
 * The message as the object that its JSON would be. Into `skipped` goes where the tables lack a field, as
 * `spec.44`: all that is known of it is its number.
 */
export function decodeProtobuf(
  message: ProtobufMessage,
  bytes: Uint8Array,
  skipped: string[] = [],
): JsonObject {
  return decodeMessage(message, bytes, 0, skipped);
}

function decodeMessage(
  message: ProtobufMessage,
  bytes: Uint8Array,
  depth: number,
  skipped: string[],
): JsonObject {
  if (depth > depthMax) throw new ProtobufError(`messages nest more than ${depthMax} deep`);
  const reader = new Reader(bytes);
  const object: JsonObject = {};
  while (!reader.done) {
    const { number, wire } = reader.tag();
    const field = message[number];
    if (field === undefined) {
      reader.skip(wire);
      if (skipped.length < skippedMax) skipped.push(`${number}`);
      continue;
    }
    if (field.type === "map") {
      object[field.name] ??= {};
      const into = object[field.name] as JsonObject;
      const [key, value] = decodeEntry(field, reader.bytes(wire), depth, skipped);
      Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true });
    } else if (field.repeated) {
      object[field.name] ??= [];
      const list = object[field.name] as unknown[];
      for (const item of decodeItems(field, reader, wire, depth, skipped)) list.push(item);
    } else {
      const value = decodeValue(field, reader, wire, depth, skipped);
      if (field.embedded) Object.assign(object, value);
      else if (value === undefined || (!field.pointer && !field.needed && isZero(value)))
        delete object[field.name];
      else object[field.name] = value;
    }
  }
  return object;
}

/** Go writes these for fields nobody set. */
function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false;
}

function decodeEntry(
  field: ProtobufField,
  bytes: Uint8Array,
  depth: number,
  skipped: string[],
): [key: string, value: unknown] {
  const reader = new Reader(bytes);
  const type = field.values ?? (field.message === undefined ? "string" : "message");
  const of: ProtobufField = {
    name: field.name,
    type,
    ...(field.message && { message: field.message }),
    ...(field.choice && { choice: field.choice }),
  };
  let key = "";
  let value: unknown = type === "message" ? {} : zeroOf(type);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1) key = reader.text(wire);
    else if (number === 2) value = decodeValue(of, reader, wire, depth, skipped) ?? value;
    else reader.skip(wire);
  }
  return [key, value];
}

function zeroOf(type: NonNullable<ProtobufField["values"]>): unknown {
  if (type === "bool") return false;
  if (type === "int32" || type === "int64") return 0;
  if (type === "texts") return [];
  if (type === "time") return null;
  return type === "quantity" ? "0" : "";
}

/** One item, or the many of a packed field. */
function decodeItems(
  field: ProtobufField,
  reader: Reader,
  wire: number,
  depth: number,
  skipped: string[],
): unknown[] {
  const packable = field.type === "int32" || field.type === "int64" || field.type === "bool";
  if (!packable || wire !== 2) return [decodeValue(field, reader, wire, depth, skipped) ?? null];
  const packed = new Reader(reader.bytes(wire));
  const items: unknown[] = [];
  while (!packed.done) items.push(decodeValue(field, packed, 0, depth, skipped));
  return items;
}

function decodeValue(
  field: ProtobufField,
  reader: Reader,
  wire: number,
  depth: number,
  skipped: string[],
): unknown {
  switch (field.type) {
    case "string":
      return reader.text(wire);
    case "bytes":
      return reader.bytes(wire).toBase64();
    case "bool":
      return reader.varint(wire) !== 0n;
    case "int32":
    case "int64":
      return integer(reader.varint(wire), field.name);
    case "double":
      return reader.double(wire);
    case "time":
    case "microtime":
      return decodeTime(reader.bytes(wire), field.type === "microtime");
    case "duration":
      return decodeDuration(reader.bytes(wire));
    case "quantity":
      return firstText(reader.bytes(wire)) || "0";
    case "int-or-string":
      return decodeIntOrString(reader.bytes(wire));
    case "fields-v1":
    case "raw-extension":
      return embeddedJson(firstBytes(reader.bytes(wire)), field.name);
    case "texts":
      return decodeProtobuf(listOfTexts, reader.bytes(wire))["items"] ?? [];
    case "message": {
      const { message } = field;
      if (message === undefined) throw new ProtobufError(`the table of ${field.name} is missing`);
      const table = typeof message === "function" ? message() : message;
      const before = skipped.length;
      const value = decodeMessage(table, reader.bytes(wire), depth + 1, skipped);
      if (!field.embedded) {
        for (let at = before; at < skipped.length; at++) skipped[at] = `${field.name}.${skipped[at]}`;
      }
      return field.choice ? Object.values(value).at(-1) : value;
    }
    case "map":
      throw new ProtobufError(`${field.name} is a map of maps`);
    default:
      throw new ProtobufError(`${field.name} has an unknown type`);
  }
}

function integer(value: bigint, name: string): number {
  const signed = BigInt.asIntN(64, value);
  const number = Number(signed);
  if (!Number.isSafeInteger(number))
    throw new ProtobufError(`${name} is beyond what JSON numbers hold: ${signed}`);
  return number;
}

const timestamp: ProtobufMessage = {
  1: { name: "seconds", type: "int64" },
  2: { name: "nanos", type: "int32" },
};

/** An empty message is Go's zero time: absent. */
function decodeTime(bytes: Uint8Array, micro: boolean): string | undefined {
  if (bytes.length === 0) return undefined;
  const { seconds = 0, nanos = 0 } = decodeProtobuf(timestamp, bytes) as { seconds?: number; nanos?: number };
  if (Math.abs(seconds) > secondsMax) throw new ProtobufError(`a time of ${seconds} seconds is out of range`);
  const whole = toRfc3339(instant(seconds * 1000));
  return micro ? `${whole.slice(0, -1)}.${`${Math.floor(nanos / 1000)}`.padStart(6, "0")}Z` : whole;
}

/** The year 9999, as RFC 3339 ends there. */
const secondsMax = 253_402_300_799;

function decodeDuration(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  let nanos = 0n;
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1) nanos = BigInt.asIntN(64, reader.varint(wire));
    else reader.skip(wire);
  }
  return formatDuration(nanos);
}

function decodeIntOrString(bytes: Uint8Array): number | string {
  const table: ProtobufMessage = {
    1: { name: "type", type: "int64" },
    2: { name: "number", type: "int32" },
    3: { name: "text", type: "string" },
  };
  const {
    type = 0,
    number = 0,
    text = "",
  } = decodeProtobuf(table, bytes) as {
    type?: number;
    number?: number;
    text?: string;
  };
  return type === 0 ? number : text;
}

const listOfTexts: ProtobufMessage = { 1: { name: "items", type: "string", repeated: true } };

function firstText(bytes: Uint8Array): string {
  return String(decodeProtobuf({ 1: { name: "text", type: "string" } }, bytes)["text"] ?? "");
}

function firstBytes(bytes: Uint8Array): Uint8Array {
  const reader = new Reader(bytes);
  let found = new Uint8Array() as Uint8Array;
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1) found = reader.bytes(wire);
    else reader.skip(wire);
  }
  return found;
}

function embeddedJson(bytes: Uint8Array, name: string): unknown {
  if (bytes.length === 0) return undefined;
  try {
    const value = parseJson(new TextDecoder().decode(bytes));
    checkNesting(value);
    return value;
  } catch (error) {
    throw new ProtobufError(`${name} does not hold JSON`, { cause: error });
  }
}
