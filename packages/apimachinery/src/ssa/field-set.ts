/**
 * A set of fields, as managedFields keep it. A field is a path of elements; an element is written as
 * fieldsV1 writes it:
 *
 *   f:replicas             a member        k:{"name":"web"}   an item of a list, by its keys
 *   v:"finalizer"          an item of a set, by its value
 */
import { canonicalJson } from "@selvedge/base";
import { isObject } from "../structural/walk.ts";

export type PathElement = string;
export type FieldsV1 = { [element: string]: FieldsV1 };

/** Deeper than any object that can be applied. */
const depthMax = 128;

export class FieldSet {
  readonly members: ReadonlySet<PathElement>;
  readonly children: ReadonlyMap<PathElement, FieldSet>;

  constructor(
    members: Iterable<PathElement> = [],
    children: Iterable<readonly [PathElement, FieldSet]> = [],
  ) {
    this.members = new Set(members);
    this.children = new Map([...children].filter(([, child]) => !child.isEmpty));
  }

  static of(...path: readonly PathElement[]): FieldSet {
    const [first, ...rest] = path;
    if (first === undefined) return new FieldSet();
    return rest.length === 0 ? new FieldSet([first]) : new FieldSet([], [[first, FieldSet.of(...rest)]]);
  }

  /** Made in one go: adding fields one by one to a set that does not change would copy it each time. */
  static ofPaths(paths: Iterable<readonly PathElement[]>): FieldSet {
    const root = new Branch();
    for (const path of paths) root.add(path, 0);
    return root.toSet();
  }

  static fromJson(json: unknown, depth = 0): FieldSet {
    if (!isObject(json) || depth > depthMax) throw new Error("fieldsV1 must be an object of fields");
    const members: PathElement[] = [];
    const children: [PathElement, FieldSet][] = [];
    for (const [element, value] of Object.entries(json)) {
      if (element === ".") continue;
      if (!isObject(value)) throw new Error(`fieldsV1: ${element} must be an object`);
      const child = FieldSet.fromJson(value, depth + 1);
      if (child.isEmpty || Object.hasOwn(value, ".")) members.push(element);
      children.push([element, child]);
    }
    return new FieldSet(members, children);
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  toJson(): FieldsV1 {
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort();
    return Object.fromEntries(
      elements.map((element) => {
        const child = this.children.get(element);
        if (child === undefined) return [element, {}];
        return [element, { ...(this.members.has(element) ? { ".": {} } : {}), ...child.toJson() }];
      }),
    );
  }

  equals(other: FieldSet): boolean {
    return canonicalJson(this.toJson()) === canonicalJson(other.toJson());
  }

  union(other: FieldSet): FieldSet {
    const children = new Map(this.children);
    for (const [element, child] of other.children) {
      const own = children.get(element);
      children.set(element, own === undefined ? child : own.union(child));
    }
    return new FieldSet([...this.members, ...other.members], children);
  }

  intersection(other: FieldSet): FieldSet {
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

  #without(other: FieldSet, recursive: boolean): FieldSet {
    const children: [PathElement, FieldSet][] = [];
    for (const [element, child] of this.children) {
      if (recursive && other.members.has(element)) continue;
      const theirs = other.children.get(element);
      children.push([element, theirs === undefined ? child : child.#without(theirs, recursive)]);
    }
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
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort();
    return elements.flatMap((element) => {
      const own = describeElement(element);
      const below = this.children.get(element)?.paths() ?? [];
      return [...(this.members.has(element) ? [own] : []), ...below.map((path) => own + path)];
    });
  }
}

class Branch {
  readonly #members = new Set<PathElement>();
  readonly #children = new Map<PathElement, Branch>();

  add(path: readonly PathElement[], depth: number): void {
    const element = path[depth];
    if (element === undefined) return;
    if (depth === path.length - 1) {
      this.#members.add(element);
      return;
    }
    let child = this.#children.get(element);
    if (child === undefined) {
      child = new Branch();
      this.#children.set(element, child);
    }
    child.add(path, depth + 1);
  }

  toSet(): FieldSet {
    return new FieldSet(
      this.#members,
      [...this.#children].map(([element, child]) => [element, child.toSet()] as const),
    );
  }
}

function describeElement(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (element.startsWith("i:")) return `[${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
}
