/**
 * What Go's structs keep of JSON: built-in kinds are decoded into them, and what is written down afterwards has no
 * zero values, empty lists and maps of members with `omitempty`, whether somebody sent them or not. Pointers, members
 * that are always shown and structs say something by being there. The protobuf tables tell which is which.
 */
import type { ProtobufField, ProtobufMessage } from "../kind-definition.ts";
import type { Schema } from "../schema.ts";
import { allowsNull } from "./drop-nulls.ts";
import { depthMax, isSettled, type JsonObject, settledAt } from "./walk.ts";

/** Removes what says nothing, in place; members that are `settled`'s own have nothing of it. */
export function omitEmpty(
  schema: Schema,
  message: ProtobufMessage,
  object: JsonObject,
  settled?: JsonObject,
): void {
  omitMembers(structOf(schema, message), object, 0, settled);
}

/** A struct; of a map or a list, `values` alone. */
interface Struct {
  readonly members: ReadonlyMap<string, Place>;
  readonly values: Place | undefined;
}

interface Place {
  readonly schema: Schema;
  readonly message: ProtobufMessage | undefined;
  /** What counts as absent; undefined: nothing does. */
  readonly zero: "" | 0 | false | undefined;
  /** What of it counts as absent when nothing is in it. */
  readonly omits: "list" | "map" | undefined;
  readonly isNullable: boolean;
  /** Looked at when it is first met, as messages may refer to themselves; undefined: there is nothing within. */
  within: Struct | undefined | "unknown";
}

function omitMembers(struct: Struct, object: JsonObject, depth: number, settled: unknown): void {
  const { members, values } = struct;
  for (const key of Object.keys(object)) {
    const value = object[key];
    const own = members.get(key);
    const known = own ?? values;
    if (known === undefined) continue;
    if (typeof value === "object") {
      if (value === null) {
        if (known.isNullable) continue;
        const zero = own === undefined ? zeroOf(known.schema) : undefined;
        if (zero === undefined) delete object[key];
        else object[key] = zero;
      } else if (!isSettled(settled, key, value)) {
        omitWithin(known, value as JsonObject, depth, settledAt(settled, key));
        if (own?.omits !== undefined && isEmpty(value, own.omits)) delete object[key];
      }
    } else if (own !== undefined && value === own.zero && value !== undefined) delete object[key];
  }
}

function omitWithin(known: Place, value: JsonObject | unknown[], depth: number, settled: unknown): void {
  if (depth > depthMax) return;
  if (known.within === "unknown") known.within = structWithin(known);
  const { within } = known;
  if (within === undefined) return;
  if (!Array.isArray(value)) omitMembers(within, value, depth + 1, settled);
  else if (within.values !== undefined && within.members.size === 0)
    omitItems(within.values, value, depth + 1, settled);
}

function omitItems(known: Place, items: unknown[], depth: number, settled: unknown): void {
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (typeof item !== "object") continue;
    if (item === null) items[index] = zeroOf(known.schema) ?? null;
    else if (!isSettled(settled, index, item))
      omitWithin(known, item as JsonObject, depth, settledAt(settled, index));
  }
}

/** One of the other sort is a mistake, which is told of. */
function isEmpty(value: object, sort: "list" | "map"): boolean {
  if (Array.isArray(value)) return value.length === 0 && sort === "list";
  if (sort === "list") return false;
  for (const _key in value) return false;
  return true;
}

/** What Go reads a null in a list or a map as. */
function zeroOf({ type, format, properties }: Schema): unknown {
  if (type === "string") return "";
  if (type === "object") return properties && {};
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return format === "quantity" ? "0" : undefined;
}

/** Made once for each schema node: each has one message. */
const structs = new WeakMap<Schema, Struct>();

function structOf(schema: Schema, message: ProtobufMessage | undefined): Struct {
  const found = structs.get(schema);
  if (found !== undefined) return found;
  const { properties = {}, additionalProperties: others, items } = schema;
  const fields = new Map(message === undefined ? [] : membersOf(message).map((field) => [field.name, field]));
  const members = new Map(
    Object.entries(properties).map(([name, inner]) => [
      name,
      memberOf(schema, name, inner, fields.get(name)),
    ]),
  );
  const inner = typeof others === "object" ? others : items;
  // A map's message is that of its values, and a list's that of its items.
  const made = { members, values: inner && placeOf(inner, message) };
  structs.set(schema, made);
  return made;
}

function structWithin({ schema, message }: Place): Struct | undefined {
  const struct = structOf(schema, message);
  return struct.members.size === 0 && struct.values === undefined ? undefined : struct;
}

/** With those of embedded structs, as JSON has them. */
export function membersOf(message: ProtobufMessage): readonly ProtobufField[] {
  return Object.values(message).flatMap((field) => {
    const inner = messageOf(field);
    return field.embedded && inner !== undefined ? membersOf(inner) : [field];
  });
}

export function messageOf({ message }: ProtobufField): ProtobufMessage | undefined {
  return typeof message === "function" ? message() : message;
}

const zeros: Partial<Record<ProtobufField["type"], "" | 0 | false>> = {
  ...{ string: "", bytes: "", bool: false, int32: 0, int64: 0, double: 0 },
};

function memberOf(parent: Schema, name: string, schema: Schema, field: ProtobufField | undefined): Place {
  const { type, properties, additionalProperties } = schema;
  const isShown = field?.needed === true || parent.required?.includes(name) === true;
  const isPlain = field !== undefined && !field.repeated && !field.pointer && !field.choice;
  const zero = isPlain && !isShown ? zeros[field.type] : undefined;
  const isMap = typeof additionalProperties === "object" && properties === undefined;
  const others = isMap ? "map" : undefined;
  const sort = type === "array" ? "list" : others;
  return {
    ...placeOf(schema, field === undefined || field.choice ? undefined : messageOf(field)),
    zero: zero === schema.default ? undefined : zero,
    omits: isShown || schema.default !== undefined ? undefined : sort,
  };
}

function placeOf(schema: Schema, message: ProtobufMessage | undefined): Place {
  const isNullable = allowsNull(schema);
  return { schema, message, zero: undefined, omits: undefined, isNullable, within: "unknown" };
}
