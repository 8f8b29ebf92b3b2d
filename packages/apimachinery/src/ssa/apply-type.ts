/**
 * How values merge: the part of a schema that server-side apply needs, resolved lazily since types may be
 * recursive.
 */
import { canonicalJson } from "@selvedge/base";
import { isObject, type JsonObject } from "../structural/walk.ts";
import { FieldSet, type PathElement } from "./field-set.ts";

export interface ApplyType {
  readonly scalar?: ScalarType;
  readonly list?: ListType;
  readonly map?: MapType;
}

export type TypeRef = () => ApplyType;
export type ScalarType = "untyped" | "string" | "numeric" | "boolean";

export interface ListType {
  readonly element: TypeRef;
  readonly atomic: boolean;
  /** Of an associative list of objects; none for a set of values. */
  readonly keys: readonly string[];
}

export interface MapType {
  readonly fields: ReadonlyMap<string, TypeRef>;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Of members that are no named fields; undefined when there are none. */
  readonly element: TypeRef | undefined;
  readonly atomic: boolean;
}

/** The object does not fit the schema well enough to be merged. */
export class ApplyTypeError extends Error {
  override name = "ApplyTypeError";
}

/** The one of an alternative's kinds that the value is of; a null or absent value leaves all of them. */
export function kindOf(type: ApplyType, value: unknown): ApplyType {
  if (Array.isArray(value)) return type.list === undefined ? type : { list: type.list };
  if (isObject(value)) return type.map === undefined ? type : { map: type.map };
  if (value !== null && value !== undefined && type.scalar !== undefined) return { scalar: type.scalar };
  return type;
}

export function fieldType(type: MapType, key: string): TypeRef | undefined {
  return type.fields.get(key) ?? type.element;
}

/** The element that names an item of an associative list. */
export function itemElement(type: ListType, item: unknown): PathElement {
  if (type.keys.length === 0) {
    if (isObject(item) || Array.isArray(item))
      throw new ApplyTypeError("items of a set must be plain values");
    if (item === null || item === undefined) throw new ApplyTypeError("items of a set may not be null");
    return `v:${JSON.stringify(item)}`;
  }
  if (!isObject(item)) throw new ApplyTypeError("items of a list with keys must be objects");
  const defaults = type.element().map?.defaults ?? {};
  const [only, second] = type.keys;
  if (only !== undefined && second === undefined && typeof item[only] === "string")
    return `k:{${JSON.stringify(only)}:${JSON.stringify(item[only])}}`;
  const keys: JsonObject = {};
  for (const key of type.keys) {
    const value = item[key] ?? defaults[key];
    if (value === undefined)
      throw new ApplyTypeError(`an item omits key field ${JSON.stringify(key)}, which has no default`);
    keys[key] = value;
  }
  return `k:${canonicalJson(keys)}`;
}

/**
 * Refuses what cannot be merged: unknown members, wrong kinds, and, where `twice` does not allow it, an
 * item that is there twice.
 */
export function checkType(
  ref: TypeRef,
  value: unknown,
  twice: "allowed" | "refused",
  path = "",
  checked?: unknown,
): void {
  if (isShared(value, checked)) return;
  const { scalar, list, map } = kindOf(ref(), value);
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) {
    if (list === undefined) throw new ApplyTypeError(`${path || "."}: a list is not expected here`);
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const at = `${path}[${index}]`;
      if (!list.atomic) {
        const element = itemElement(list, item);
        if (seen.has(element) && twice === "refused")
          throw new ApplyTypeError(`${at}: duplicate entries for key ${element.slice(2)}`);
        seen.add(element);
      }
      checkType(list.element, item, twice, at, Array.isArray(checked) ? checked[index] : undefined);
    }
  } else if (isObject(value)) {
    if (map === undefined) throw new ApplyTypeError(`${path || "."}: an object is not expected here`);
    for (const [key, member] of Object.entries(value)) {
      const type = fieldType(map, key);
      if (type === undefined) throw new ApplyTypeError(`${path}.${key}: field not declared in schema`);
      checkType(type, member, twice, `${path}.${key}`, isObject(checked) ? checked[key] : undefined);
    }
  } else if (scalar === undefined || !fitsScalar(scalar, value)) {
    throw new ApplyTypeError(
      `${path || "."}: expected ${scalar ?? "an object or a list"}, got ${typeof value}`,
    );
  }
}

/** Whether two values are one and the same whole, so that nothing in them differs. */
export function isShared(left: unknown, right: unknown): boolean {
  return left === right && typeof left === "object" && left !== null;
}

function fitsScalar(scalar: ScalarType, value: unknown): boolean {
  switch (scalar) {
    case "string":
      return typeof value === "string";
    case "numeric":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    default:
      return true;
  }
}

/** The fields a value sets. */
export function toFieldSet(ref: TypeRef, value: unknown): FieldSet {
  const { list, map } = kindOf(ref(), value);
  if (map !== undefined) {
    if (!isObject(value) || map.atomic) return new FieldSet();
    return mapFields(map, value);
  }
  if (list === undefined || list.atomic || !Array.isArray(value)) return new FieldSet();
  const elements = value.map((item) => [itemElement(list, item), toFieldSet(list.element, item)] as const);
  return new FieldSet(
    elements.map(([element]) => element),
    elements,
  );
}

function mapFields(map: MapType, value: JsonObject): FieldSet {
  const members: PathElement[] = [];
  const children: [PathElement, FieldSet][] = [];
  for (const [key, member] of Object.entries(value)) {
    const type = fieldType(map, key);
    if (type === undefined) continue;
    const element = `f:${key}`;
    if (!map.fields.has(key) || isOwnField(type, member)) members.push(element);
    children.push([element, toFieldSet(type, member)]);
  }
  return new FieldSet(members, children);
}

/**
 * Whether the value as a whole is a field: plain and atomic values are, and empty ones, which have nothing
 * below.
 */
function isOwnField(ref: TypeRef, value: unknown): boolean {
  if (value === null || (isObject(value) && Object.keys(value).length === 0)) return true;
  const { scalar, list, map } = kindOf(ref(), value);
  if (map !== undefined) return map.atomic;
  if (scalar !== undefined) return true;
  return list?.atomic === true;
}

/** The set with every named field on the way to one of its fields made a member. */
export function withNamedFields(set: FieldSet, ref: TypeRef): FieldSet {
  const { list, map } = ref();
  const members = new Set(set.members);
  const children: [PathElement, FieldSet][] = [];
  for (const [element, child] of set.children) {
    const key = element.startsWith("f:") ? element.slice(2) : undefined;
    if (key !== undefined && map?.fields.has(key)) members.add(element);
    const type = key === undefined ? list?.element : map === undefined ? undefined : fieldType(map, key);
    children.push([element, type === undefined ? child : withNamedFields(child, type)]);
  }
  return new FieldSet(members, children);
}
