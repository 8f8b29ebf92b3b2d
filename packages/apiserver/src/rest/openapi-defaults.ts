/** The defaults that upstream's documents say: the zeros of Go's types, told from how fields are on the wire. Pure. */
import type { ProtobufField, ProtobufMessage } from "@selvedge/apimachinery";

export interface WireField {
  readonly type: ProtobufField["type"];
  readonly message: ProtobufMessage | undefined;
  readonly zero: unknown;
}

const none: ReadonlyMap<string, WireField> = new Map();
const known = new WeakMap<ProtobufMessage, ReadonlyMap<string, WireField>>();

/** The fields of a message by their names, those of structs embedded in it among them. */
export function fieldsOf(message: ProtobufMessage | undefined): ReadonlyMap<string, WireField> {
  if (message === undefined) return none;
  let fields = known.get(message);
  if (fields === undefined) {
    const all = new Map<string, WireField>();
    for (const field of Object.values(message) as readonly ProtobufField[]) {
      const inner = typeof field.message === "function" ? field.message() : field.message;
      if (field.embedded) for (const [name, of] of fieldsOf(inner)) all.set(name, of);
      else all.set(field.name, { type: field.type, message: inner, zero: zeroOfField(field) });
    }
    known.set(message, all);
    fields = all;
  }
  return fields;
}

/** Undefined: its absence is told from its zero, or Go leaves its zero out. */
export function defaultOf(field: WireField | undefined): unknown {
  return field?.zero;
}

const zeros: Readonly<Record<string, unknown>> = { string: "", bool: false, int32: 0, int64: 0, double: 0 };

function zeroOfField({ type, repeated, pointer, needed }: ProtobufField): unknown {
  if (repeated || pointer) return undefined;
  if (type === "message") return {};
  return needed ? zeros[type] : undefined;
}

const scalars = /\.(Time|MicroTime|Quantity|IntOrString|RawExtension|JSON|JSONSchemaPropsOr\w+)$/;

/** Of what is in a list or a map. */
export function zeroOf(schema: Readonly<Record<string, unknown>>): unknown {
  const { allOf, type, format } = schema;
  const [first] = (allOf ?? [schema]) as readonly { readonly $ref?: string }[];
  if (schema["default"] !== undefined) return undefined;
  if (first?.$ref !== undefined) return scalars.test(first.$ref) ? undefined : {};
  if (type === "string") return format === "byte" ? undefined : "";
  return type === "integer" ? 0 : undefined;
}
