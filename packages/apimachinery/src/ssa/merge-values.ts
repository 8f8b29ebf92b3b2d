/** Walks two values side by side along a type: to merge them, or to find what differs. */
import { jsonEqual } from "@selvedge/base";
import { isObject, type JsonObject, ownMember, setMember } from "../structural/walk.ts";
import {
  type ApplyType,
  fieldType,
  isShared,
  itemElement,
  kindOf,
  type ListType,
  type MapType,
  type TypeRef,
} from "./apply-type.ts";
import { FieldGatherer, FieldSet, type PathElement } from "./field-set.ts";

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** The left value with all that the right one says. */
export function mergeValues(ref: TypeRef, left: unknown, right: unknown): unknown {
  return new Walk(
    () => undefined,
    () => false,
    {},
  ).merge(ref, left, right, []);
}

/** Which sides are whole objects: what those do not say has its zero. What is applied is no whole. */
export interface Wholes {
  readonly left?: boolean;
  readonly right?: boolean;
}

/**
 * What differs. Wholes that both sides share are not walked: copies cost more to compare than what is not
 * copied.
 */
export function compareValues(ref: TypeRef, left: unknown, right: unknown, wholes: Wholes = {}): Comparison {
  // What is made is all new: that is known without a walk beside nothing.
  if (left === undefined) return { added: allFields(ref, right), modified: nothing, removed: nothing };
  const [added, modified, removed] = [new FieldGatherer(), new FieldGatherer(), new FieldGatherer()];
  const note: AtLeaf = (path, before, after) => {
    if (before === undefined) added.add(path);
    else if (after === undefined) removed.add(path);
    else if (!jsonEqual(before, after)) modified.add(path);
  };
  new Walk(note, isShared, wholes).merge(ref, left, right, []);
  return {
    added: added.toSet(),
    modified: modified.toSet(),
    removed: removed.toSet(),
  };
}

const nothing = new FieldSet();

/** Every field of a value: each member and item that is there, plain or whole. */
function allFields(ref: TypeRef, value: unknown): FieldSet {
  const { map, scalar, list } = kindOf(ref(), value);
  const members: PathElement[] = [];
  const children: [PathElement, FieldSet][] = [];
  const add = (element: PathElement, inner: TypeRef, member: unknown): void => {
    members.push(element);
    if (typeof member === "object" && member !== null) children.push([element, allFields(inner, member)]);
  };
  if (map !== undefined) {
    if (map.atomic || !isObject(value)) return nothing;
    for (const key of Object.keys(value)) {
      const inner = fieldType(map, key);
      if (inner !== undefined && value[key] !== undefined) add(`f:${key}`, inner, value[key]);
    }
  } else if (list !== undefined && scalar === undefined) {
    if (list.atomic || !Array.isArray(value)) return nothing;
    for (const item of value) add(itemElement(list, item), list.element, item);
  }
  return members.length === 0 ? nothing : new FieldSet(members, children);
}

/** The path is the walk's own and changes after the call. */
type AtLeaf = (path: readonly PathElement[], left: unknown, right: unknown) => void;

class Walk {
  readonly #atLeaf: AtLeaf;
  /** What need not be walked. */
  readonly #skips: (left: unknown, right: unknown) => boolean;
  readonly #wholes: Wholes;

  constructor(atLeaf: AtLeaf, skips: (left: unknown, right: unknown) => boolean, wholes: Wholes) {
    this.#atLeaf = atLeaf;
    this.#skips = skips;
    this.#wholes = wholes;
  }

  /** The merged value; undefined when neither side has one. */
  merge(ref: TypeRef, left: unknown, right: unknown, path: PathElement[]): unknown {
    if ((left === undefined && right === undefined) || this.#skips(left, right)) return right;
    const type = ref();
    const [ofLeft, ofRight] = [kindOf(type, left), kindOf(type, right)];
    // Another kind on each side: both are walked, so that what the left had is seen to go; the right one
    // stays.
    if (!sameKind(ofLeft, ofRight)) this.#along(ofLeft, left, right, path);
    return this.#along(ofRight, left, right, path);
  }

  #along({ map, scalar, list }: ApplyType, left: unknown, right: unknown, path: PathElement[]): unknown {
    if (map !== undefined) {
      const before = withZeros(asObject(left), map, this.#wholes.left);
      const after = withZeros(asObject(right), map, this.#wholes.right);
      if (map.atomic || (isEmpty(before) && isEmpty(after))) return this.#leaf(left, right, path);
      this.#cameOrWent(left, right, path);
      const out: JsonObject = {};
      for (const key of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) {
        const type = fieldType(map, key);
        if (type === undefined) continue;
        const merged = this.#below(`f:${key}`, type, ownMember(before, key), ownMember(after, key), path);
        if (merged !== undefined) setMember(out, key, merged);
      }
      return out;
    }
    if (scalar !== undefined || list === undefined) return this.#leaf(left, right, path);
    const [before, after] = [asList(left), asList(right)];
    if (list.atomic || (!before?.length && !after?.length)) return this.#leaf(left, right, path);
    this.#cameOrWent(left, right, path);
    return this.#lists(list, before ?? [], after ?? [], path);
  }

  /** One path serves the whole walk: a list of its own for each value would be most of what a walk costs. */
  #below(element: PathElement, ref: TypeRef, left: unknown, right: unknown, path: PathElement[]): unknown {
    path.push(element);
    const merged = this.merge(ref, left, right, path);
    path.pop();
    return merged;
  }

  /** A whole that only one side has is a field too, besides those below it. */
  #cameOrWent(left: unknown, right: unknown, path: PathElement[]): void {
    if (path.length > 0 && (left === undefined || right === undefined)) this.#atLeaf(path, left, right);
  }

  #leaf(left: unknown, right: unknown, path: PathElement[]): unknown {
    if (path.length > 0) this.#atLeaf(path, left, right);
    return right !== undefined ? right : left;
  }

  /**
   * The right side's order rules among what it has; what only the left has comes before what stands at its
   * place on the right. Items that the left has twice are kept apart, unless the right says what they
   * should be.
   */
  #lists(
    type: ListType,
    left: readonly unknown[],
    right: readonly unknown[],
    path: PathElement[],
  ): unknown[] {
    const lefts = left.map((item) => itemElement(type, item));
    const rights = right.map((item) => itemElement(type, item));
    const inLeft = new Map<PathElement, unknown>();
    for (const [index, element] of lefts.entries()) {
      inLeft.set(element, inLeft.has(element) ? undefined : left[index]);
    }
    const inRight = new Map(rights.map((element, index) => [element, right[index]]));
    const shared = rights.filter((element) => inLeft.has(element));
    const merged = new Set<PathElement>();
    let nextShared = 0;
    const out: unknown[] = [];
    const take = (element: PathElement, leftItem: unknown): void => {
      if (inRight.has(element)) merged.add(element);
      if (shared[nextShared] === element) nextShared++;
      out.push(this.#below(element, type.element, leftItem, inRight.get(element), path));
    };
    let [l, r] = [0, 0];
    while (l < lefts.length || r < rights.length) {
      const [ofLeft, ofRight] = [lefts[l], rights[r]];
      const both = ofLeft !== undefined && ofRight !== undefined;
      if (both && ofLeft === ofRight) {
        take(ofLeft, inLeft.get(ofLeft));
        l++;
        r++;
      } else if (both && inRight.has(ofLeft) && nextShared < shared.length && shared[nextShared] !== ofLeft)
        l++;
      else if (ofLeft !== undefined && !inRight.has(ofLeft)) take(ofLeft, left[l++]);
      else {
        if (ofLeft !== undefined && merged.has(ofLeft)) l++;
        if (ofRight !== undefined) {
          take(ofRight, inLeft.get(ofRight));
          r++;
        }
      }
    }
    return out;
  }
}

function sameKind(left: ApplyType, right: ApplyType): boolean {
  return left.scalar === right.scalar && left.list === right.list && left.map === right.map;
}

function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function withZeros(
  value: JsonObject | undefined,
  { zeros }: MapType,
  isWhole = false,
): JsonObject | undefined {
  return isWhole && value !== undefined && zeros !== undefined ? { ...zeros, ...value } : value;
}

function asList(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function isEmpty(value: JsonObject | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}
