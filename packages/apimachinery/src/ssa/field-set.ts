/**
 * A set of fields, as managedFields keep it. A field is a path of elements; an element is written as
 * fieldsV1 writes it:
 *
 *   f:replicas             a member        k:{"name":"web"}   an item of a list, by its keys
 *   v:"finalizer"          an item of a set, by its value
 */
import { canonicalJson, parseJson } from "@selvedge/base";
import { isObject } from "../structural/walk.ts";

export type PathElement = string;
export type FieldsV1 = { [element: string]: FieldsV1 };

/** Most sets have no members of one sort or the other. */
const none: ReadonlySet<PathElement> = new Set();
const childless: ReadonlyMap<PathElement, FieldSet> = new Map();

/** Deeper than any object that can be applied. */
const depthMax = 128;

export class FieldSet {
  readonly members: ReadonlySet<PathElement>;
  readonly children: ReadonlyMap<PathElement, FieldSet>;

  constructor(
    members: Iterable<PathElement> = none,
    children: Iterable<readonly [PathElement, FieldSet]> = childless,
  ) {
    this.members = members === none ? none : new Set(members);
    let filled: Map<PathElement, FieldSet> | undefined;
    for (const [element, child] of children) {
      if (child.isEmpty) continue;
      filled ??= new Map();
      filled.set(element, child);
    }
    this.children = filled ?? childless;
  }

  static of(...path: readonly PathElement[]): FieldSet {
    const [first, ...rest] = path;
    if (first === undefined) return new FieldSet();
    return rest.length === 0 ? new FieldSet([first]) : new FieldSet([], [[first, FieldSet.of(...rest)]]);
  }

  static fromJson(json: unknown, depth = 0): FieldSet {
    if (!isObject(json) || depth > depthMax) throw new Error("fieldsV1 must be an object of fields");
    const members: PathElement[] = [];
    const children: [PathElement, FieldSet][] = [];
    for (const element of Object.keys(json)) {
      if (element === ".") continue;
      const value = json[element];
      if (!isObject(value)) throw new Error(`fieldsV1: ${element} must be an object`);
      if (element[1] !== ":") throw new Error(`fieldsV1: ${element} is no member, key, value or index`);
      // Most are leaves, and need no set of their own.
      const child = isBare(value) ? nothing : FieldSet.fromJson(value, depth + 1);
      if (child.isEmpty || Object.hasOwn(value, ".")) members.push(element);
      if (!child.isEmpty) children.push([element, child]);
    }
    return new FieldSet(members, children);
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  toJson(): FieldsV1 {
    return this.#toJson({});
  }

  #toJson(json: FieldsV1): FieldsV1 {
    for (const element of this.#elements()) {
      const child = this.children.get(element);
      const own: FieldsV1 = child !== undefined && this.members.has(element) ? { ".": {} } : {};
      json[element] = child === undefined ? own : child.#toJson(own);
    }
    return json;
  }

  /** All that are members or have some below them, in order. */
  #elements(): PathElement[] {
    const elements = [...this.members];
    for (const element of this.children.keys()) if (!this.members.has(element)) elements.push(element);
    return elements.sort();
  }

  equals(other: FieldSet): boolean {
    return canonicalJson(this.toJson()) === canonicalJson(other.toJson());
  }

  union(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const children = new Map(this.children);
    for (const [element, child] of other.children) {
      const own = children.get(element);
      children.set(element, own === undefined ? child : own.union(child));
    }
    return new FieldSet([...this.members, ...other.members], children);
  }

  intersection(other: FieldSet): FieldSet {
    if (this.isEmpty || other.isEmpty) return nothing;
    const children: [PathElement, FieldSet][] = [];
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (theirs !== undefined) children.push([element, child.intersection(theirs)]);
    }
    return new FieldSet(
      [...this.members].filter((element) => other.members.has(element)),
      children,
    );
  }

  difference(other: FieldSet): FieldSet {
    return this.#without(other, false);
  }

  /** Also takes away everything below what the other set has. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, true);
  }

  /** The same set where nothing is taken away: whoever writes it down again can tell. */
  #without(other: FieldSet, recursive: boolean): FieldSet {
    if (other.isEmpty || this.isEmpty) return this;
    const children: [PathElement, FieldSet][] = [];
    let lost = false;
    for (const [element, child] of this.children) {
      if (recursive && other.members.has(element)) {
        lost = true;
        continue;
      }
      const theirs = other.children.get(element);
      const left = theirs === undefined ? child : child.#without(theirs, recursive);
      lost ||= left !== child;
      children.push([element, left]);
    }
    for (const element of this.members) lost ||= other.members.has(element);
    if (!lost) return this;
    return new FieldSet(
      [...this.members].filter((element) => !other.members.has(element)),
      children,
    );
  }

  /** The fields that have no fields below them. */
  leaves(): FieldSet {
    const members = [...this.members].filter((element) => !this.children.has(element));
    return new FieldSet(
      members,
      [...this.children].map(([element, child]) => [element, child.leaves()] as const),
    );
  }

  /** Every field as upstream writes it in a conflict: `.spec.containers[name="web"].image`. */
  paths(): string[] {
    return this.#elements().flatMap((element) => {
      const own = describeElement(element);
      const below = this.children.get(element)?.paths() ?? [];
      return [...(this.members.has(element) ? [own] : []), ...below.map((path) => own + path)];
    });
  }
}

const nothing: FieldSet = new FieldSet();

/** Whether it has no members. */
export function isBare(value: object): boolean {
  for (const key in value) if (Object.hasOwn(value, key)) return false;
  return true;
}

/** Gathers fields one by one: adding them to a set that does not change would copy it each time. */
export class FieldGatherer {
  readonly #members = new Set<PathElement>();
  readonly #children = new Map<PathElement, FieldGatherer>();

  /** The path may be changed afterwards. */
  add(path: readonly PathElement[], depth = 0): void {
    const element = path[depth];
    if (element === undefined) return;
    if (depth === path.length - 1) {
      this.#members.add(element);
      return;
    }
    let child = this.#children.get(element);
    if (child === undefined) {
      child = new FieldGatherer();
      this.#children.set(element, child);
    }
    child.add(path, depth + 1);
  }

  toSet(): FieldSet {
    if (this.#members.size === 0 && this.#children.size === 0) return nothing;
    const children: [PathElement, FieldSet][] = [];
    for (const [element, child] of this.#children) children.push([element, child.toSet()]);
    return new FieldSet(this.#members, children);
  }
}

/** `.image`, `[name="web"]`. */
export function describeElement(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (element.startsWith("i:")) return `[${rest}]`;
  const keys = Object.entries(parseJson(rest) as Record<string, unknown>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
}
