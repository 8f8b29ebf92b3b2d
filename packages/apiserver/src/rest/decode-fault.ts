/**
 * What Go says of a body whose values are of other types than the kind's members: upstream decodes before it
 * validates, and the decoder's words are what people search for. Pure.
 */
import {
  type KindDefinition,
  type ProtobufField,
  type ProtobufMessage,
  quantityFaultOf,
} from "@selvedge/apimachinery";
import { isInteger } from "@selvedge/base";
import { goTexts } from "./go-texts.ts";
import { goTimeFault } from "./go-time.ts";
import { metaPrefix } from "./openapi-meta.ts";
import { typeMembers } from "./openapi-names.ts";
import { schemaName } from "./openapi-schemas.ts";

/** Where a value is: the type that it is a member of, and how it is reached, without places in lists. */
interface Place {
  readonly owner: string;
  readonly path: string;
  /** What Go calls its texts. */
  readonly text: string;
}

/** The first value that Go cannot read, in its words; undefined: all can be read. */
export function decodeFault(
  kind: Pick<KindDefinition, "group" | "version" | "kind" | "custom" | "protobuf">,
  object: object,
): string | undefined {
  if (kind.protobuf === undefined) return undefined;
  return messageFault(kind.protobuf, schemaName(kind), object, "");
}

function messageFault(
  message: ProtobufMessage,
  type: string,
  object: object,
  path: string,
): string | undefined {
  const fields = fieldsOf(message);
  const members = typeMembers.get(type);
  for (const [name, value] of Object.entries(object)) {
    const field = fields.get(name);
    if (field === undefined) continue;
    const owner = shortName(type);
    const text = goTexts.get(`${owner}.${name}`) ?? "string";
    const place = { owner, path: path === "" ? name : `${path}.${name}`, text };
    const meta = path === "" && name === "metadata" ? `${metaPrefix}ObjectMeta` : undefined;
    const fault = fieldFault(field, meta ?? members?.get(name) ?? "", value, place);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** By their names in JSON, those of embedded messages among them. */
function fieldsOf(message: ProtobufMessage): Map<string, ProtobufField> {
  const fields = new Map<string, ProtobufField>();
  for (const field of Object.values(message)) {
    if (field.embedded) for (const [name, inner] of fieldsOf(tableOf(field))) fields.set(name, inner);
    else fields.set(field.name, field);
  }
  return fields;
}

function tableOf({ message = {} }: ProtobufField): ProtobufMessage {
  return typeof message === "function" ? message() : message;
}

function fieldFault(field: ProtobufField, type: string, value: unknown, place: Place): string | undefined {
  if (value === null) return undefined;
  if (field.repeated) {
    if (!Array.isArray(value)) return mismatch(value, place, `[]${goType(field, type, place)}`);
    return first(value, (item) => valueFault(field, type, item, place));
  }
  if (field.type !== "map") return valueFault(field, type, value, place);
  const of: ProtobufField = { ...field, type: field.values ?? (field.message ? "message" : "string") };
  if (typeof value !== "object" || Array.isArray(value)) {
    return mismatch(
      value,
      place,
      field.values === "quantity" ? "v1.ResourceList" : `map[string]${goType(of, type, place)}`,
    );
  }
  return first(Object.values(value), (member) => valueFault(of, type, member, place));
}

function first(
  values: readonly unknown[],
  check: (value: unknown) => string | undefined,
): string | undefined {
  for (const value of values) {
    const fault = value === null ? undefined : check(value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const int32Max = 2 ** 31 - 1;

function valueFault(field: ProtobufField, type: string, value: unknown, place: Place): string | undefined {
  switch (field.type) {
    case "string":
      return typeof value === "string" ? undefined : mismatch(value, place, place.text);
    case "bool":
      return typeof value === "boolean" ? undefined : mismatch(value, place, "bool");
    case "double":
      return typeof value === "number" ? undefined : mismatch(value, place, "float64");
    case "int32":
    case "int64":
      if (typeof value !== "number" && typeof value !== "bigint") return mismatch(value, place, field.type);
      if (isInteger(value) && (field.type === "int64" || (value >= -int32Max - 1 && value <= int32Max)))
        return undefined;
      return mismatch(value, place, field.type, `number ${value}`);
    case "bytes":
      return typeof value === "string" ? base64Fault(value) : mismatch(value, place, "[]uint8");
    case "quantity":
      return quantityFaultOf(value);
    case "int-or-string":
      if (typeof value === "string" || isInt32(value)) return undefined;
      return mismatch(value, place, "int32", typeof value === "number" ? `number ${value}` : nameOf(value));
    case "time":
    case "microtime":
      return typeof value === "string"
        ? goTimeFault(value, field.type === "microtime")
        : mismatch(value, place, "string");
    case "duration":
      return typeof value === "string" ? undefined : mismatch(value, place, "string");
    case "texts":
      if (!Array.isArray(value)) return mismatch(value, place, "v1.ExtraValue");
      return first(value, (item) => (typeof item === "string" ? undefined : mismatch(item, place, "string")));
    case "message":
      if (field.choice) return undefined;
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        return mismatch(value, place, goType(field, type, place));
      }
      return messageFault(tableOf(field), type, value, place.path);
    default:
      return undefined;
  }
}

function isInt32(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= -int32Max - 1 && value <= int32Max;
}

function mismatch(value: unknown, { owner, path }: Place, type: string, said = nameOf(value)): string {
  return `json: cannot unmarshal ${said} into Go struct field ${owner}.${path} of type ${type}`;
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "number";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** `v1.Container`: how Go prints a type's name. */
function goType({ type, values }: ProtobufField, name: string, { text }: Place): string {
  if (type === "message") return name.split(".").slice(-2).join(".");
  const of = type === "map" ? values : type;
  if (of === "texts") return "v1.ExtraValue";
  return of === "bytes" ? "[]uint8" : of === "double" ? "float64" : of === "string" ? text : (of ?? text);
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

const base64Letter = /^[A-Za-z0-9+/]$/;

/** Go's decoder takes newlines anywhere, and names the first byte that cannot be there. */
function base64Fault(text: string): string | undefined {
  const fault = (at: number): string => `illegal base64 data at input byte ${at}`;
  let inGroup = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? "";
    if (letter === "\n" || letter === "\r") continue;
    if (base64Letter.test(letter)) {
      inGroup = (inGroup + 1) % 4;
      continue;
    }
    if (letter !== "=" || inGroup < 2) return fault(at);
    return paddingFault(text, at, inGroup);
  }
  return inGroup === 0 ? undefined : fault(text.length - inGroup);
}

/** Of the first `=`: two of three letters want another, and nothing may follow. */
function paddingFault(text: string, at: number, inGroup: number): string | undefined {
  const skip = (from: number): number => {
    let to = from;
    while (text[to] === "\n" || text[to] === "\r") to++;
    return to;
  };
  let next = skip(at + 1);
  if (inGroup === 2) {
    if (next >= text.length) return `illegal base64 data at input byte ${text.length}`;
    if (text[next] !== "=") return `illegal base64 data at input byte ${next - 1}`;
    next = skip(next + 1);
  }
  return next < text.length ? `illegal base64 data at input byte ${next}` : undefined;
}
