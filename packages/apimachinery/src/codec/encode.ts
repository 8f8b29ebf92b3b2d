/**
 * Objects as Kubernetes' protobuf has them, byte for byte as upstream's Go writes them: members by their numbers,
 * the zero of every member that is no pointer, keys of maps in order. Driven by the tables that bodies are read
 * with.
 */
import { parseDuration } from "../go-duration.ts";
import type { ProtobufField, ProtobufMessage } from "../kind-definition.ts";
import { envelopePrefix } from "./protobuf.ts";
import { ProtobufError } from "./reader.ts";
import { Writer } from "./writer.ts";

type Members = Readonly<Record<string, unknown>>;

/** Writes one member of the object, or nothing. */
type WriteMember = (writer: Writer, object: Members) => void;

/** Writes a value and its number. */
type WriteValue = (writer: Writer, value: unknown) => void;

/** The message without an envelope, as it stands within others. */
export function encodeProtobuf(message: ProtobufMessage, object: object): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeMessage(writer, message, object as Members);
  return writer.take();
}

/** A whole body: the prefix, what kind it is, and the object. */
export function encodeEnvelope(
  type: { readonly apiVersion?: unknown; readonly kind?: unknown },
  message: ProtobufMessage,
  object: object,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeEnvelope(writer, type, message, object);
  return writer.take();
}

/** An event of a watch: its object as a whole body, or of what it is to be made. */
export interface ProtobufEvent {
  readonly type: string;
  readonly body: Uint8Array | { readonly message: ProtobufMessage; readonly object: object };
}

/** Events as a watch sends them, each after its length in four bytes: thousands of buffers of their own cost more. */
export function encodeEvents(events: readonly ProtobufEvent[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (let index = events.length - 1; index >= 0; index--) {
    const { type, body } = events[index] as ProtobufEvent;
    const before = writer.length;
    if (body instanceof Uint8Array) writer.bytes(body);
    else writeEnvelope(writer, body.object as Members, body.message, body.object);
    writer.close(1, before);
    writer.close(2, before);
    const start = writer.length;
    writer.text(type);
    writer.close(1, start);
    writer.uint32(writer.length - before);
  }
  return writer.take();
}

function writeEnvelope(writer: Writer, type: Members, message: ProtobufMessage, object: object): void {
  writeEnd(writer);
  const before = writer.length;
  writeMessage(writer, message, object as Members);
  writer.varint(writer.length - before);
  writeStart(writer, type);
}

/** What stands before and after `length` bytes of a message that is sent in parts. */
export function envelopeAround(
  type: { readonly apiVersion: string; readonly kind: string },
  length: number,
): { readonly head: Uint8Array<ArrayBuffer>; readonly tail: Uint8Array<ArrayBuffer> } {
  const [head, tail] = [new Writer(), new Writer()];
  writeEnd(tail);
  head.varint(length);
  writeStart(head, type);
  return { head: head.take(), tail: tail.take() };
}

/** Messages one after the other, each as a field of that number: a part of a list. */
export function encodeItems(
  number: number,
  message: ProtobufMessage,
  objects: readonly object[],
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (let index = objects.length - 1; index >= 0; index--) {
    const before = writer.length;
    writeMessage(writer, message, objects[index] as Members);
    writer.close(number, before);
  }
  return writer.take();
}

/** contentEncoding and contentType, which are empty: what is within is protobuf. */
function writeEnd(writer: Writer): void {
  for (const number of [4, 3]) writer.close(number, writer.length);
}

function writeStart(writer: Writer, { apiVersion = "", kind = "" }: Members): void {
  writer.tag(2, 2);
  const before = writer.length;
  for (const [number, text] of [
    [2, kind],
    [1, apiVersion],
  ] as const) {
    const start = writer.length;
    writer.text(String(text));
    writer.close(number, start);
  }
  writer.close(1, before);
  writer.bytes(envelopePrefix);
}

/** How each message is written, worked out once: the last member first, as the writer wants them. */
const plans = new WeakMap<ProtobufMessage, readonly WriteMember[]>();

function writeMessage(writer: Writer, message: ProtobufMessage, object: Members): void {
  for (const write of planOf(message)) write(writer, object);
}

function planOf(message: ProtobufMessage): readonly WriteMember[] {
  let plan = plans.get(message);
  if (plan === undefined) {
    plan = Object.entries(message)
      .sort(([one], [other]) => Number(other) - Number(one))
      .map(([number, field]) => memberWriter(Number(number), field));
    plans.set(message, plan);
  }
  return plan;
}

function memberWriter(number: number, field: ProtobufField): WriteMember {
  const { name } = field;
  if (field.type === "map") return mapWriter(number, field);
  if (field.embedded) {
    return (writer, object) => {
      const before = writer.length;
      writeMessage(writer, tableOf(field), object);
      writer.close(number, before);
    };
  }
  const write = valueWriter(number, field);
  if (field.repeated) {
    return (writer, object) => {
      const list = (object[name] ?? []) as readonly unknown[];
      for (let index = list.length - 1; index >= 0; index--) write(writer, list[index] ?? zeroOf(field.type));
    };
  }
  // Of bytes Go knows none from empty ones.
  const mayBeAbsent = field.pointer === true || field.type === "bytes";
  const zero = zeroOf(field.type);
  return (writer, object) => {
    const value = object[name] ?? undefined;
    if (value !== undefined) write(writer, value);
    else if (!mayBeAbsent) write(writer, zero);
  };
}

function mapWriter(number: number, field: ProtobufField): WriteMember {
  const type = field.values ?? (field.message === undefined ? "string" : "message");
  const { repeated: _repeated, values: _values, ...rest } = field;
  const write = valueWriter(2, { ...rest, type });
  return (writer, object) => {
    const map = (object[field.name] ?? {}) as Members;
    // Keys are ASCII, where letters are in the order of their bytes.
    const keys = Object.keys(map).sort();
    for (let index = keys.length - 1; index >= 0; index--) {
      const [key, before] = [keys[index] ?? "", writer.length];
      const value = map[key] ?? undefined;
      if (value !== undefined) write(writer, value);
      else if (type !== "bytes") write(writer, zeroOf(type));
      const start = writer.length;
      writer.text(key);
      writer.close(1, start);
      writer.close(number, before);
    }
  };
}

function zeroOf(type: ProtobufField["type"]): unknown {
  switch (type) {
    case "string":
    case "bytes":
      return "";
    case "bool":
      return false;
    case "quantity":
      return "0";
    case "duration":
      return "0s";
    case "texts":
      return [];
    case "message":
      return {};
    case "time":
    case "microtime":
    case "fields-v1":
    case "raw-extension":
      return undefined;
    default:
      return 0;
  }
}

function valueWriter(number: number, field: ProtobufField): WriteValue {
  const within = (write: WriteValue): WriteValue => {
    return (writer, value) => {
      const before = writer.length;
      write(writer, value);
      writer.close(number, before);
    };
  };
  switch (field.type) {
    case "string":
      return within((writer, value) => writer.text(String(value)));
    case "bytes":
      // Base64 as JSON has it, or the bytes themselves of what was never JSON.
      return within((writer, value) =>
        writer.bytes(value instanceof Uint8Array ? value : Uint8Array.fromBase64(String(value))),
      );
    case "bool":
      return (writer, value) => {
        writer.varint(value === true ? 1 : 0);
        writer.tag(number, 0);
      };
    case "int32":
    case "int64":
      return (writer, value) => {
        writer.varint(Math.trunc(Number(value)));
        writer.tag(number, 0);
      };
    case "double":
      return (writer, value) => {
        writer.double(Number(value));
        writer.tag(number, 1);
      };
    case "message":
      return within((writer, value) =>
        writeMessage(writer, tableOf(field), (field.choice ? chosen(field, value) : value) as Members),
      );
    case "map":
      throw new ProtobufError(`${field.name} is a map of maps`);
    default:
      return within(special[field.type]);
  }
}

type Special = Exclude<
  ProtobufField["type"],
  "string" | "bytes" | "bool" | "int32" | "int64" | "double" | "message" | "map"
>;

/** What is a message on the wire and none in JSON. */
const special: Readonly<Record<Special, WriteValue>> = {
  time: (writer, value) => writeTime(writer, value, false),
  microtime: (writer, value) => writeTime(writer, value, true),
  duration: (writer, value) => {
    const nanos = parseDuration(String(value));
    if (nanos === undefined) throw new ProtobufError(`${JSON.stringify(value)} is no duration`);
    writer.varint(Number(nanos));
    writer.tag(1, 0);
  },
  quantity: (writer, value) => writeText(writer, 1, String(value)),
  "int-or-string": (writer, value) => {
    const isText = typeof value === "string";
    writeText(writer, 3, isText ? value : "");
    writer.varint(isText ? 0 : Number(value));
    writer.tag(2, 0);
    writer.varint(isText ? 1 : 0);
    writer.tag(1, 0);
  },
  "fields-v1": writeJson,
  "raw-extension": writeJson,
  texts: (writer, value) => {
    const list = value as readonly unknown[];
    for (let index = list.length - 1; index >= 0; index--) writeText(writer, 1, String(list[index]));
  },
};

function writeText(writer: Writer, number: number, value: string): void {
  const before = writer.length;
  writer.text(value);
  writer.close(number, before);
}

function writeJson(writer: Writer, value: unknown): void {
  if (value !== undefined) writeText(writer, 1, JSON.stringify(value));
}

/** Nothing is Go's zero time. */
function writeTime(writer: Writer, value: unknown, micro: boolean): void {
  if (value === undefined) return;
  const at = Date.parse(String(value));
  if (Number.isNaN(at)) throw new ProtobufError(`${JSON.stringify(value)} is no time`);
  const fraction = micro ? (/\.(\d{1,6})/.exec(String(value))?.[1] ?? "") : "";
  writer.varint(Number(fraction.padEnd(6, "0")) * 1000);
  writer.tag(2, 0);
  writer.varint(Math.floor(at / 1000));
  writer.tag(1, 0);
}

function tableOf({ name, message }: ProtobufField): ProtobufMessage {
  if (message === undefined) throw new ProtobufError(`the table of ${name} is missing`);
  return typeof message === "function" ? message() : message;
}

/** The message of which the value is the one member that matters: a flag, a list, or an object, which says yes. */
function chosen(field: ProtobufField, value: unknown): Members {
  const members = Object.values(tableOf(field));
  const flag = members.find(({ type }) => type === "bool");
  if (typeof value === "boolean") return flag === undefined ? {} : { [flag.name]: value };
  const fit = members.find(
    ({ type, repeated = false }) => type !== "bool" && repeated === Array.isArray(value),
  );
  return { ...(flag && { [flag.name]: true }), ...(fit && { [fit.name]: value }) };
}
