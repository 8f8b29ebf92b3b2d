/**
 * The fields of an object that is made, as managedFields write them: in one walk, where sets of fields would be made,
 * made smaller and written down one after the other. `compareValues` beside nothing says the same.
 */
import { jsonEqual } from "@selvedge/base";
import { isObject, type JsonObject } from "../structural/walk.ts";
import { fitsType, itemElement, type ListType, type MapType, type TypeRef } from "./apply-type.ts";
import type { FieldsV1 } from "./field-set.ts";

/** The server's own: nobody manages them. */
const envelope: ReadonlySet<string> = new Set(["apiVersion", "kind"]);
const serverMeta: ReadonlySet<string> = new Set([
  ...["name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields"],
  "resourceVersion",
]);
const none: ReadonlySet<string> = new Set();

/** Undefined: it does not fit its type, or in a way that takes a closer look. */
export function madeFields(ref: TypeRef, object: JsonObject): FieldsV1 | undefined {
  const { map } = ref();
  const { metadata } = object;
  const ofMetadata = map?.fields.get("metadata")?.().map;
  if (map === undefined || ofMetadata === undefined || !isObject(metadata)) return undefined;
  const walk = new MadeFields();
  const below = walk.members(ofMetadata, metadata, { skipped: serverMeta });
  const { metadata: _metadata, ...content } = object;
  const known = below && { "f:metadata": below };
  const fields = walk.members(map, content, { skipped: envelope, zeros: map.zeros, known });
  return walk.isWhole ? (fields ?? {}) : undefined;
}

interface Beside {
  readonly skipped?: ReadonlySet<string>;
  /** What is there before anything is said. */
  readonly zeros?: JsonObject | undefined;
  /** A member that was looked at already. */
  readonly known?: FieldsV1 | undefined;
}

class MadeFields {
  isWhole = true;

  /** Undefined: there are none, or `isWhole` is false. */
  members(
    map: MapType,
    value: JsonObject,
    { skipped = none, zeros, known }: Beside = {},
  ): FieldsV1 | undefined {
    const found: FieldsV1 = known ?? {};
    const names = Object.keys(found);
    for (const key of Object.keys(value)) {
      const member = value[key];
      const type = map.fields.get(key) ?? map.element;
      if (type === undefined) return this.#giveUp();
      if (member === undefined) continue;
      const zero = zeros?.[key];
      const below = this.#below(type, member, zero);
      if (skipped.has(key) || isUnchanged(type, member, zero, below)) continue;
      const element = `f:${key}`;
      names.push(element);
      found[element] = below ?? {};
    }
    return inOrder(names, found);
  }

  /** As a field of its own, if it was not there before, with those below it. */
  #below(ref: TypeRef, value: unknown, zero: unknown): FieldsV1 | undefined {
    if (value === null) return undefined;
    const { map, list } = ref();
    const own = zero === undefined ? dotted : plain;
    if (isObject(value) && map !== undefined && !map.atomic)
      return own(this.members(map, value, isObject(zero) ? { zeros: zero } : {}));
    if (Array.isArray(value) && list !== undefined && !list.atomic) return own(this.#items(list, value));
    return fitsType(ref, value) ? undefined : this.#giveUp();
  }

  #items(list: ListType, items: readonly unknown[]): FieldsV1 | undefined {
    const found: FieldsV1 = {};
    const names: string[] = [];
    for (const item of items) {
      // What cannot be told apart throws here as it does there.
      const element = itemElement(list, item);
      if (Object.hasOwn(found, element)) return this.#giveUp();
      names.push(element);
      found[element] = this.#below(list.element, item, undefined) ?? {};
    }
    return inOrder(names, found);
  }

  #giveUp(): undefined {
    this.isWhole = false;
    return undefined;
  }
}

/** Nothing in it differs from what is there when nothing is said. */
function isUnchanged(ref: TypeRef, value: unknown, zero: unknown, below: FieldsV1 | undefined): boolean {
  if (zero === undefined || below !== undefined) return false;
  return jsonEqual(value, zero) || (isObject(value) && isObject(zero) && ref().map?.atomic === false);
}

function plain(fields: FieldsV1 | undefined): FieldsV1 | undefined {
  return fields;
}

/** A whole that is a field besides those in it. */
function dotted(fields: FieldsV1 | undefined): FieldsV1 | undefined {
  return fields && { ".": {}, ...fields };
}

function inOrder(names: string[], fields: FieldsV1): FieldsV1 | undefined {
  if (names.length < 2) return names.length === 0 ? undefined : fields;
  const sorted: FieldsV1 = {};
  for (const name of names.sort()) sorted[name] = fields[name] as FieldsV1;
  return sorted;
}
