/** A kind's schema as the type that apply merges by. */
import { cloneJson } from "@selvedge/base";
import type { KindDefinition, ProtobufField, ProtobufMessage } from "../kind-definition.ts";
import type { KubeObject } from "../object.ts";
import type { Schema } from "../schema.ts";
import { membersOf, messageOf } from "../structural/omit-empty.ts";
import type { JsonObject } from "../structural/walk.ts";
import type { ApplyType, TypeRef } from "./apply-type.ts";
import { sameInAllVersions, type Versions } from "./updater.ts";

/** The versions in which managers of a kind's fields may have written. */
export function versionsOf(kind: KindDefinition): Versions {
  const { view } = kind;
  if (view === undefined) return sameInAllVersions(applyTypeOf(kind));
  const find = (apiVersion: string): KindDefinition | undefined =>
    view
      .siblings()
      .find(({ group, version }) => (group === "" ? version : `${group}/${version}`) === apiVersion);
  return {
    typeOf: (apiVersion) => {
      const sibling = find(apiVersion);
      return sibling === undefined ? undefined : applyTypeOf(sibling);
    },
    convert: (object, from, to) => {
      if (from === to || object === undefined || object === null) return object;
      const [source, target] = [find(from)?.view, find(to)?.view];
      if (source === undefined || target === undefined) return object;
      return target.read(cloneJson(source.write(object as KubeObject)));
    },
  };
}

/** The type of a whole object of the kind, metadata included. */
export function applyTypeOf(kind: KindDefinition): TypeRef {
  const known = ofKinds.get(kind);
  if (known !== undefined) return known;
  const whole = typeOfSchema(kind.schema, kind.schema, kind.protobuf)();
  const map = whole.map ?? emptyMap;
  const envelope: [string, TypeRef][] = [
    ["apiVersion", () => text],
    ["kind", () => text],
    ["metadata", () => objectMeta],
  ];
  const made: ApplyType = { map: { ...map, fields: new Map([...map.fields, ...envelope]) } };
  const ref = (): ApplyType => made;
  ofKinds.set(kind, ref);
  return ref;
}

const ofKinds = new WeakMap<KindDefinition, TypeRef>();

const text: ApplyType = { scalar: "string" };
const numeric: ApplyType = { scalar: "numeric" };
const bool: ApplyType = { scalar: "boolean" };
const untyped: ApplyType = { scalar: "untyped" };
const emptyMap = { fields: new Map<string, TypeRef>(), defaults: {}, element: undefined, atomic: false };

/** What has no schema: merged member by member, lists as a whole. */
const deduced: ApplyType = {
  scalar: "untyped",
  list: { element: () => atomicAnything, atomic: true, keys: [] },
  map: { ...emptyMap, element: () => deduced },
};
const atomicAnything: ApplyType = {
  scalar: "untyped",
  list: { element: () => atomicAnything, atomic: true, keys: [] },
  map: { ...emptyMap, element: () => atomicAnything, atomic: true },
};

function struct(fields: Readonly<Record<string, ApplyType>>, atomic = false): ApplyType {
  const entries = Object.entries(fields).map(([name, type]) => [name, () => type] as const);
  return { map: { ...emptyMap, fields: new Map(entries), atomic } };
}

const stringMap: ApplyType = { map: { ...emptyMap, element: () => text } };
const ownerReference: ApplyType = struct(
  {
    ...{ apiVersion: text, kind: text, name: text, uid: text },
    ...{ controller: bool, blockOwnerDeletion: bool },
  },
  true,
);
const objectMeta: ApplyType = struct({
  ...{ name: text, generateName: text, namespace: text, selfLink: text, uid: text, resourceVersion: text },
  ...{ generation: numeric, creationTimestamp: untyped, deletionTimestamp: untyped },
  ...{ deletionGracePeriodSeconds: numeric, labels: stringMap, annotations: stringMap },
  ownerReferences: { list: { element: () => ownerReference, atomic: false, keys: ["uid"] } },
  finalizers: { list: { element: () => text, atomic: false, keys: [] } },
  managedFields: { list: { element: () => atomicAnything, atomic: true, keys: [] } },
});

/** Made once for each schema node, so that recursive ones end. */
const made = new WeakMap<Schema, ApplyType>();

function typeOfSchema(schema: Schema, root: Schema, message?: ProtobufMessage): TypeRef {
  return () => {
    let type = made.get(schema);
    if (type === undefined) {
      type = convert(schema, root, message);
      made.set(schema, type);
    }
    return type;
  };
}

function convert(schema: Schema, root: Schema, message?: ProtobufMessage): ApplyType {
  if (schema["x-kubernetes-int-or-string"]) return untyped;
  if (schema["x-kubernetes-embedded-resource"] && schema.properties === undefined) return deduced;
  switch (schema.type) {
    case "object":
      return objectType(schema, root, message);
    case "array":
      return listType(schema, root, message);
    case "string":
      return schema.format === "int-or-string" || schema.format === "quantity" ? untyped : text;
    case "integer":
    case "number":
      return numeric;
    case "boolean":
      return bool;
    default:
      // What may be of several types is merged as what it is.
      return schema === root ? objectType(schema, root, message) : deduced;
  }
}

function objectType(schema: Schema, root: Schema, message?: ProtobufMessage): ApplyType {
  const { properties, additionalProperties } = schema;
  const keeps = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (properties === undefined && additionalProperties === undefined && !keeps && schema !== root)
    return deduced;
  const entries = Object.entries(properties ?? {});
  const defaults = entries.filter(([, inner]) => inner.default !== undefined);
  const ofOthers = typeof additionalProperties === "object" ? additionalProperties : undefined;
  // A map's message is that of its values.
  const element = ofOthers === undefined ? undefined : typeOfSchema(ofOthers, root, message);
  const members = properties === undefined || message === undefined ? [] : membersOf(message);
  const messages = new Map(members.map((field) => [field.name, messageOf(field)]));
  const open = keeps || additionalProperties === true;
  const fields = new Map(
    entries.map(([name, inner]) => [name, typeOfSchema(inner, root, messages.get(name))]),
  );
  return {
    map: {
      fields,
      defaults: Object.fromEntries(defaults.map(([name, inner]) => [name, inner.default])),
      element: element ?? (open ? () => deduced : undefined),
      atomic: schema["x-kubernetes-map-type"] === "atomic",
      zeros: zerosOf(members, schema, fields),
    },
  };
}

/** What Go's JSON has of a struct that nobody has put anything into. */
function zerosOf(
  members: readonly ProtobufField[],
  { required = [], properties = {} }: Schema,
  types: ReadonlyMap<string, TypeRef>,
): JsonObject | undefined {
  const zeros = members.flatMap((field) => {
    const { name, type, repeated = false, pointer = false } = field;
    if (type === "message" && !repeated && !pointer) return [[name, types.get(name)?.().map?.zeros ?? {}]];
    const zero = repeated || pointer ? null : (scalarZeros[type] ?? null);
    const isShown = field.needed || required.includes(name) || properties[name]?.default === zero;
    return isShown ? [[name, zero]] : [];
  });
  return zeros.length === 0 ? undefined : Object.fromEntries(zeros);
}

const scalarZeros: Partial<Record<ProtobufField["type"], unknown>> = {
  ...{ string: "", bool: false, int32: 0, int64: 0, double: 0, quantity: "0", "int-or-string": 0 },
};

/** A list that says nothing is atomic, unless a strategic merge key tells how its items are told apart. */
function listType(schema: Schema, root: Schema, message?: ProtobufMessage): ApplyType {
  const items = schema.items ?? {};
  const kind = schema["x-kubernetes-list-type"];
  const element = typeOfSchema(items, root, message);
  if (kind === "set") return { list: { element, atomic: false, keys: [] } };
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (kind === "map") return { list: { element, atomic: keys.length === 0, keys } };
  if (kind === "atomic") return { list: { element, atomic: true, keys: [] } };
  const mergeKey = schema["x-kubernetes-patch-merge-key"];
  if (mergeKey !== undefined) return { list: { element, atomic: false, keys: [mergeKey] } };
  const merges = schema["x-kubernetes-patch-strategy"]?.split(",").includes("merge") === true;
  return { list: { element, atomic: !merges, keys: [] } };
}
