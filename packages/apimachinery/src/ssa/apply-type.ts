/**
 * How values merge: the part of a schema that server-side apply needs, resolved lazily since types may be
 * recursive.
 */
import { canonicalJson } from "@selvedge/base";
import { goSyntax, goText, goType } from "../go-text.ts";
import { isObject, type JsonObject, ownMember } from "../structural/walk.ts";
import { describeElement, FieldSet, type PathElement } from "./field-set.ts";

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
  /** What stands for members that are not said, in kinds whose objects upstream holds as Go's structs. */
  readonly zeros?: Readonly<JsonObject> | undefined;
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
    if (isObject(item))
      throw new ApplyTypeError("associative list without keys has an element that's a map type");
    if (Array.isArray(item))
      throw new ApplyTypeError("not supported: associative list with lists as elements");
    if (item === null || item === undefined)
      throw new ApplyTypeError("associative list without keys has an element that's an explicit null");
    return `v:${JSON.stringify(item)}`;
  }
  if (item === null || item === undefined)
    throw new ApplyTypeError("associative list with keys may not have a null element");
  if (!isObject(item)) throw new ApplyTypeError("associative list with keys may not have non-map elements");
  const defaults = type.element().map?.defaults ?? {};
  const [only, second] = type.keys;
  if (only !== undefined && second === undefined && typeof item[only] === "string")
    return `k:{${JSON.stringify(only)}:${JSON.stringify(item[only])}}`;
  const keys: JsonObject = {};
  for (const key of type.keys) {
    const value = item[key] ?? defaults[key];
    if (value === undefined) {
      const omitted = `omits key field ${JSON.stringify(key)} (and doesn't have default value)`;
      throw new ApplyTypeError(`associative list with keys has an element that ${omitted}`);
    }
    keys[key] = value;
  }
  return `k:${canonicalJson(keys)}`;
}

/**
 * Refuses what cannot be merged: unknown members, wrong kinds, and, where `twice` does not allow it, an
 * item that is there twice. All of it is told, in upstream's words.
 */
export function checkType(
  ref: TypeRef,
  value: unknown,
  twice: "allowed" | "refused",
  checked?: unknown,
): void {
  const check = new TypeCheck(twice);
  check.at(ref, value, checked);
  const { faults } = check;
  if (faults.length === 1) throw new ApplyTypeError(faults[0]);
  if (faults.length > 1)
    throw new ApplyTypeError(["errors:", ...faults.map((fault) => `  ${fault}`)].join("\n"));
}

/** Whether `checkType` would let it pass, with items that are there twice. */
export function fitsType(ref: TypeRef, value: unknown): boolean {
  const check = new TypeCheck("allowed");
  check.at(ref, value, undefined);
  return check.faults.length === 0;
}

/** More are not worth reading. */
const faultsMax = 100;

class TypeCheck {
  readonly faults: string[] = [];
  readonly #twice: "allowed" | "refused";
  /** To where it looks: written out only when something is wrong there. */
  readonly #path: PathElement[] = [];

  constructor(twice: "allowed" | "refused") {
    this.#twice = twice;
  }

  /** `checked`: what stood there and fits. */
  at(ref: TypeRef, value: unknown, checked: unknown): void {
    if (isShared(value, checked) || value === null || value === undefined) return;
    const { scalar, list, map } = kindOf(ref(), value);
    if (map !== undefined) {
      if (isObject(value)) this.#members(map, value, checked);
      else this.#say(`expected map, got &{${goText(value)}}`);
    } else if (scalar !== undefined) {
      if (!fitsScalar(scalar, value)) this.#say(misfit(scalar, value));
    } else if (!Array.isArray(value)) this.#say(`expected list, got &{${goText(value)}}`);
    else if (list !== undefined) this.#items(list, value, checked);
  }

  #members(map: MapType, value: JsonObject, checked: unknown): void {
    for (const [key, member] of Object.entries(value)) {
      const type = fieldType(map, key);
      this.#path.push(`f:${key}`);
      if (type === undefined) this.#say("field not declared in schema");
      else this.at(type, member, isObject(checked) ? ownMember(checked, key) : undefined);
      this.#path.pop();
    }
  }

  #items(list: ListType, value: readonly unknown[], checked: unknown): void {
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const element = list.atomic ? `i:${index}` : this.#elementOf(list, item, index);
      if (element === undefined) continue;
      if (seen.has(element) && this.#twice === "refused")
        this.#say(`duplicate entries for key ${describeElement(element)}`);
      seen.add(element);
      this.#path.push(element);
      this.at(list.element, item, Array.isArray(checked) ? checked[index] : undefined);
      this.#path.pop();
    }
  }

  #elementOf(list: ListType, item: unknown, index: number): PathElement | undefined {
    try {
      return itemElement(list, item);
    } catch (error) {
      if (!(error instanceof ApplyTypeError)) throw error;
      this.#say(`element ${index}: ${error.message}`);
      return undefined;
    }
  }

  #say(what: string): void {
    if (this.faults.length === faultsMax) return;
    const path = this.#path.map(describeElement).join("");
    this.faults.push(path === "" ? what : `${path}: ${what}`);
  }
}

/** Upstream shows of each another side. */
function misfit(scalar: ScalarType, value: unknown): string {
  if (scalar === "string") return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
  if (scalar === "numeric") return `expected numeric (int or float), got ${goType(value)}`;
  return `expected ${scalar === "boolean" ? "boolean" : "any scalar"}, got &{${goText(value)}}`;
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
      return typeof value === "number" || typeof value === "bigint";
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
