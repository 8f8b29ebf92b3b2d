/**
 * A Swagger document in gnostic's protobuf encoding (openapi.v2.Document), as client-go asks for it. Only
 * definitions are there: clients look up kinds and their fields in them.
 */
import { concatBytes } from "@selvedge/base";

type Json = Readonly<Record<string, unknown>>;

interface Head {
  readonly swagger: string;
  readonly info: { readonly title: string; readonly version: string };
}

export function encodeSwagger({ swagger, info }: Head, definitions: readonly Uint8Array[]): Uint8Array {
  return concatBytes([
    text(1, swagger),
    message(2, [text(1, info.title), text(2, info.version)]),
    message(8, []),
    ...[tag(9), plainVarint(definitions.reduce((sum, { length }) => sum + length, 0)), ...definitions],
  ]);
}

/** A user's kind may have thousands of fields: others have their turn between two. */
type Steps<T> = Generator<undefined, T>;

export function* encodeDefinition(name: string, schema: object): Steps<Uint8Array> {
  return message(1, [text(1, name), message(2, yield* schemaFields(schema as Json))]);
}

/** Each as a name and a schema. */
function* named(schemas: Json): Steps<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (const [name, schema] of Object.entries(schemas)) {
    parts.push(yield* encodeDefinition(name, schema as object));
    yield;
  }
  return parts;
}

const texts: readonly (readonly [string, number])[] = [
  ["$ref", 1],
  ["format", 2],
  ["title", 3],
  ["description", 4],
  ["pattern", 13],
];
const doubles: readonly (readonly [string, number])[] = [
  ["multipleOf", 6],
  ["maximum", 7],
  ["minimum", 9],
];
const integers: readonly (readonly [string, number])[] = [
  ["maxLength", 11],
  ["minLength", 12],
  ["maxItems", 14],
  ["minItems", 15],
  ["maxProperties", 17],
  ["minProperties", 18],
];
const flags: readonly (readonly [string, number])[] = [
  ["exclusiveMaximum", 8],
  ["exclusiveMinimum", 10],
  ["uniqueItems", 16],
];

function* schemaFields(schema: Json): Steps<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  const each = (rows: typeof texts, encode: (number: number, value: unknown) => Uint8Array): void => {
    for (const [name, number] of rows)
      if (schema[name] !== undefined) parts.push(encode(number, schema[name]));
  };
  each(texts, (number, value) => text(number, String(value)));
  if (schema["default"] !== undefined) parts.push(message(5, anyValue(schema["default"])));
  each(doubles, (number, value) => double(number, Number(value)));
  each(flags, (number, value) => varint(number, value === true ? 1 : 0));
  each(integers, (number, value) => varint(number, Number(value)));
  for (const name of (schema["required"] as string[] | undefined) ?? []) parts.push(text(19, name));
  for (const value of (schema["enum"] as unknown[] | undefined) ?? [])
    parts.push(message(20, anyValue(value)));
  const others = schema["additionalProperties"];
  if (typeof others === "boolean") parts.push(message(21, [varint(2, others ? 1 : 0)]));
  else if (others !== undefined) parts.push(message(21, [message(1, yield* schemaFields(others as Json))]));
  if (typeof schema["type"] === "string") parts.push(message(22, [text(1, schema["type"])]));
  if (schema["items"] !== undefined)
    parts.push(message(23, [message(1, yield* schemaFields(schema["items"] as Json))]));
  for (const branch of (schema["allOf"] as Json[] | undefined) ?? [])
    parts.push(message(24, yield* schemaFields(branch)));
  if (schema["properties"] !== undefined) parts.push(message(25, yield* named(schema["properties"] as Json)));
  for (const [name, value] of Object.entries(schema)) {
    if (name.startsWith("x-")) parts.push(message(31, [text(1, name), message(2, anyValue(value))]));
  }
  return parts;
}

/** Any value is told as YAML, of which JSON is a part. */
function anyValue(value: unknown): Uint8Array[] {
  return [text(2, JSON.stringify(value))];
}

const encoder = new TextEncoder();

function message(number: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytes(number, concatBytes(parts));
}

function text(number: number, value: string): Uint8Array {
  return bytes(number, encoder.encode(value));
}

function bytes(number: number, content: Uint8Array): Uint8Array {
  return concatBytes([tag(number), plainVarint(content.length), content]);
}

/** Of what has a length. */
function tag(number: number): Uint8Array {
  return plainVarint((number << 3) | 2);
}

function varint(number: number, value: number): Uint8Array {
  return concatBytes([plainVarint(number << 3), plainVarint(value)]);
}

function double(number: number, value: number): Uint8Array {
  const content = new Uint8Array(8);
  new DataView(content.buffer).setFloat64(0, value, true);
  return concatBytes([plainVarint((number << 3) | 1), content]);
}

function plainVarint(value: number): Uint8Array {
  // Nearly all are tags and lengths.
  if (value >= 0 && value < 128) return Uint8Array.of(value);
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...out, Number(rest)]);
}
