/**
 * A built-in kind's members, written once: each row says a member's number in Kubernetes' protobuf
 * encoding, what it is for and what it may be. The schema (prune, default, validate, merge, explain) and
 * the protobuf table both come from it, so they cannot disagree.
 *
 *   const port = message("A port that a container listens on.", {
 *     name: text(1, "How probes and Services refer to it."),
 *     containerPort: int32(3, "The port's number.", needed),
 *   });
 */
import {
  objectMetaMessage,
  type ProtobufField,
  type ProtobufMessage,
  type Schema,
} from "@selvedge/apimachinery";

/** A described object. */
export interface Message {
  readonly schema: Schema;
  readonly protobuf: ProtobufMessage;
}

/** One member of an object. */
export interface Member {
  readonly number: number;
  readonly schema: Schema;
  readonly wire: Omit<ProtobufField, "name">;
  readonly needed: boolean;
  /** Its members are the object's own. */
  readonly embeds?: Message;
}

export interface Presence {
  /** The object makes no sense without it. */
  readonly needed?: true;
  /** Zero, false, "" and {} are something else than nothing: a pointer in upstream's Go. */
  readonly pointer?: true;
}

type Hints = Presence & Omit<Schema, "type" | "required" | "description">;

export const needed: Presence = { needed: true };
export const pointer: Presence = { pointer: true };

export function message(
  description: string,
  members: Readonly<Record<string, Member>>,
  hints: Schema = {},
): Message {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  const protobuf: Record<number, ProtobufField> = {};
  for (const [name, { number, schema, wire, needed: isNeeded, embeds }] of Object.entries(members)) {
    protobuf[number] = { name, ...wire };
    if (embeds === undefined) properties[name] = schema;
    else Object.assign(properties, embeds.schema.properties);
    if (isNeeded) required.push(name);
    required.push(...(embeds?.schema.required ?? []));
  }
  const schema: Schema = { type: "object", description, ...hints, properties };
  return { schema: required.length === 0 ? schema : { ...schema, required }, protobuf };
}

/** A whole object of a built-in kind. Its metadata is the API server's to describe. */
export function kindMessage(description: string, members: Readonly<Record<string, Member>>): Message {
  const { schema, protobuf } = message(description, members);
  const metadata = { name: "metadata", type: "message", message: objectMetaMessage } as const;
  return { schema, protobuf: { 1: metadata, ...protobuf } };
}

function plain(
  number: number,
  wire: ProtobufField["type"],
  schema: Schema,
  description: string,
  hints: Hints,
): Member {
  const { needed: isNeeded = false, pointer: isPointer = false, ...more } = hints;
  return {
    number,
    schema: { ...schema, description, ...more },
    wire: { type: wire, ...presenceOf(isNeeded, isPointer) },
    needed: isNeeded,
  };
}

function presenceOf(needed: boolean, pointer: boolean): Pick<ProtobufField, "needed" | "pointer"> {
  return { ...(needed && { needed }), ...(pointer && { pointer }) };
}

export function text(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "string", { type: "string" }, description, hints);
}

export function int32(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "int32", { type: "integer", format: "int32" }, description, hints);
}

export function int64(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "int64", { type: "integer", format: "int64" }, description, hints);
}

export function flag(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "bool", { type: "boolean" }, description, hints);
}

/** A point in time. Go writes null for none. */
export function time(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "time", { type: "string", format: "date-time", nullable: true }, description, hints);
}

export function microTime(number: number, description: string, hints: Hints = {}): Member {
  return plain(
    number,
    "microtime",
    { type: "string", format: "date-time", nullable: true },
    description,
    hints,
  );
}

const amount: Schema = { format: "quantity", oneOf: [{ type: "string" }, { type: "number" }] };

export function quantity(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "quantity", amount, description, hints);
}

export function intOrString(number: number, description: string, hints: Hints = {}): Member {
  const schema: Schema = { format: "int-or-string", "x-kubernetes-int-or-string": true };
  return plain(number, "int-or-string", schema, description, hints);
}

/** JSON of any kind. */
export function raw(number: number, description: string, hints: Hints = {}): Member {
  return plain(number, "raw-extension", { type: "object", ...anything }, description, hints);
}

const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };

export function object(number: number, of: Message, description?: string, hints: Hints = {}): Member {
  const { needed: isNeeded = false, pointer: isPointer = false, ...more } = hints;
  const schema: Schema = { ...of.schema, ...(description === undefined ? {} : { description }), ...more };
  const wire = { type: "message", message: of.protobuf, ...presenceOf(isNeeded, isPointer) } as const;
  return { number, schema, wire, needed: isNeeded };
}

/** A struct within the struct on the wire, none in JSON. */
export function embedded(number: number, of: Message): Member {
  return {
    ...object(number, of),
    wire: { type: "message", message: of.protobuf, embedded: true },
    embeds: of,
  };
}

/** How lists merge: by strategic merge patch and by server-side apply. */
interface Merging {
  readonly patch?: string;
  readonly keys?: readonly string[];
}

function merging({ patch, keys }: Merging): Schema {
  const [first] = keys ?? [];
  return {
    ...(keys === undefined ? {} : { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys }),
    ...(patch === undefined ? {} : { "x-kubernetes-patch-strategy": patch }),
    ...(patch === undefined || first === undefined ? {} : { "x-kubernetes-patch-merge-key": first }),
  };
}

/** Items that other writers' items stay beside, known by `keys`; patches merge by the first of them. */
export function byKeys(...keys: string[]): Schema {
  return merging({ keys, patch: "merge" });
}

/** As `byKeys`, where an item keeps only the members that the patch names: a volume changes its source. */
export function byKeysRetaining(...keys: string[]): Schema {
  return merging({ keys, patch: "merge,retainKeys" });
}

/** An object that is replaced as a whole. */
export const mapAtomic: Schema = { "x-kubernetes-map-type": "atomic" };
/** A list that is replaced as a whole. */
export const atomic: Schema = { "x-kubernetes-list-type": "atomic" };
/** Values that other writers' values stay beside. */
export const set: Schema = { "x-kubernetes-list-type": "set" };

export function objects(
  number: number,
  of: Message,
  description: string,
  hints: Schema = {},
  presence: Presence = {},
): Member {
  const schema: Schema = { type: "array", items: of.schema, description, ...hints };
  const wire = { type: "message", message: of.protobuf, repeated: true } as const;
  return { number, schema, wire, needed: presence.needed ?? false };
}

export function texts(
  number: number,
  description: string,
  hints: Schema = {},
  presence: Presence = {},
): Member {
  const schema: Schema = { type: "array", items: { type: "string" }, description, ...hints };
  return { number, schema, wire: { type: "string", repeated: true }, needed: presence.needed ?? false };
}

export function numbers(
  number: number,
  description: string,
  hints: Schema = {},
  presence: Presence = {},
): Member {
  const schema: Schema = {
    type: "array",
    items: { type: "integer", format: "int64" },
    description,
    ...hints,
  };
  return { number, schema, wire: { type: "int64", repeated: true }, needed: presence.needed ?? false };
}

export function textMap(number: number, description: string, hints: Schema = {}): Member {
  const schema: Schema = { type: "object", additionalProperties: { type: "string" }, description, ...hints };
  return { number, schema, wire: { type: "map", values: "string" }, needed: false };
}

/**
 * Bytes by name, in base64. That they are is for the kind to check: a schema's error would show a secret's
 * value.
 */
export function bytesMap(number: number, description: string): Member {
  const schema: Schema = { type: "object", additionalProperties: { type: "string" }, description };
  return { number, schema, wire: { type: "map", values: "bytes" }, needed: false };
}

export function quantityMap(number: number, description: string): Member {
  const schema: Schema = { type: "object", additionalProperties: amount, description };
  return { number, schema, wire: { type: "map", values: "quantity" }, needed: false };
}

export function timeMap(number: number, description: string): Member {
  const value: Schema = { type: "string", format: "date-time", nullable: true };
  const schema: Schema = { type: "object", additionalProperties: value, description };
  return { number, schema, wire: { type: "map", values: "time" }, needed: false };
}
