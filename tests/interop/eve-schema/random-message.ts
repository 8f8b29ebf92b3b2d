/**
 * Seeded content for any message of a schema: every field may be set, to its edges as often as to its
 * middle.
 */
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  isFieldSet,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { below, type SeededRandom } from "@selvedge/base";

/** Messages inside messages; some of the API's hold themselves. */
const depthMax = 3;
const elementsMax = 3;
const timestampName = "google.protobuf.Timestamp";
/** The first and the last second that the JSON form of a timestamp can say. */
const [firstSecond, lastSecond] = [-62_135_596_800, 253_402_300_799];

export interface Content {
  readonly random: SeededRandom;
  /**
   * How likely a field is set; 1 sets every field to something that is not its zero, and of each oneof the
   * last.
   */
  readonly likely: number;
  /** Fields of a message and values of an enum to leave alone. */
  readonly leaveOut: (type: DescMessage | DescEnum, number: number) => boolean;
}

export function randomMessage(schema: DescMessage, content: Content, depth = 0): Message {
  const message = reflect(schema, create(schema));
  const { random, likely, leaveOut } = content;
  if (schema.typeName === timestampName) {
    fillTimestamp(message, random);
    return message.message;
  }
  for (const field of schema.fields) {
    if (random.next() < likely && !leaveOut(schema, field.number)) fill(message, field, content, depth);
  }
  return message.message;
}

function fillTimestamp(message: ReflectMessage, random: SeededRandom): void {
  const [seconds, nanos] = message.fields;
  const second = firstSecond + below(random, lastSecond - firstSecond + 1);
  if (seconds !== undefined) message.set(seconds, BigInt(second));
  if (nanos !== undefined) message.set(nanos, below(random, 1_000_000_000));
}

function fill(message: ReflectMessage, field: DescField, content: Content, depth: number): void {
  const { random, likely } = content;
  const deeper = depth < depthMax ? content : { ...content, likely: 0 };
  const inner = (schema: DescMessage): ReflectMessage =>
    reflect(schema, randomMessage(schema, deeper, depth + 1));
  const scalar = (type: ScalarType): unknown => {
    for (;;) {
      const value = anyScalar(type, random);
      if (likely < 1 || !isZero(value)) return value;
    }
  };
  const element = (kind: "scalar" | "enum" | "message"): unknown => {
    if (kind === "message" && field.message !== undefined) return inner(field.message);
    if (kind === "enum" && field.enum !== undefined) return enumNumber(field.enum, content);
    return scalar(field.scalar ?? ScalarType.BOOL);
  };
  const count = 1 + below(random, elementsMax);
  switch (field.fieldKind) {
    case "scalar":
      message.set(field, scalar(field.scalar));
      break;
    case "enum":
      message.set(field, element("enum"));
      break;
    case "message":
      if (depth <= depthMax) message.set(field, inner(field.message));
      break;
    case "list": {
      const list = message.get(field);
      for (let index = 0; index < count; index++) list.add(element(field.listKind));
      break;
    }
    case "map": {
      // Go writes maps in the order of their keys, and we in the order they were put in.
      const map = message.get(field);
      const text = field.mapKey === ScalarType.STRING;
      for (let index = 0; index < count; index++) map.set(text ? `k${index}` : index, element(field.mapKind));
      break;
    }
  }
}

/** Also numbers that have no name: a newer peer may send them, and they must come through. */
function enumNumber(type: DescEnum, { random, likely, leaveOut }: Content): number {
  const known = type.values.map(({ number }) => number).filter((number) => !leaveOut(type, number));
  const number = known[below(random, known.length + 1)] ?? 1000 + below(random, 1000);
  return number === 0 && likely === 1 ? 1 : number;
}

function isZero(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

const texts = [
  "",
  "a",
  "Größe",
  "日本",
  "\u{1f9f5}",
  'quote " and \\',
  "<&>\u2028",
  "\u0000\n",
  "x".repeat(200),
];

function anyScalar(type: ScalarType, random: SeededRandom): unknown {
  const pick = <T>(values: readonly T[]): T => values[below(random, values.length)] as T;
  switch (type) {
    case ScalarType.BOOL:
      return random.next() < 0.5;
    case ScalarType.STRING:
      return pick(texts);
    case ScalarType.BYTES:
      return random.bytes(below(random, 40));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      // Eighths have the same digits as a float and as a double. No NaN and no -0: JSON has less of them.
      return pick([0, 1, -2.5, below(random, 2 ** 20) / 8, Infinity, -Infinity]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), below(random, 2 ** 31)]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return pick([0, 1, 127, 128, 2 ** 32 - 1, below(random, 2 ** 32)]);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(below(random, 2 ** 53))]);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return pick([0n, 1n, 2n ** 64n - 1n, BigInt(below(random, 2 ** 53))]);
  }
}

/** Fields of a message that hold something, for a test that wants to know that none was left out. */
export function fieldsSet(schema: DescMessage, message: Message): readonly string[] {
  return schema.fields.filter((field) => isFieldSet(message, field)).map(({ name }) => name);
}
