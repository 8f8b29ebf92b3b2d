/**
 * The fields of an object that is made, as managedFields write them: in one walk, where sets of fields would be made,
 * made smaller and written down one after the other. `compareValues` beside nothing says the same.
 */
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
  const below = walk.members(ofMetadata, metadata, serverMeta);
  const { metadata: _metadata, ...content } = object;
  const fields = walk.members(map, content, envelope, below && { "f:metadata": below });
  return walk.isWhole ? (fields ?? {}) : undefined;
}

class MadeFields {
  isWhole = true;

  /** Undefined: there are none, or `isWhole` is false. `known`: a member that was looked at already. */
  members(
    map: MapType,
    value: JsonObject,
    skipped: ReadonlySet<string>,
    known: FieldsV1 = {},
  ): FieldsV1 | undefined {
    const found: FieldsV1 = known;
    const names = Object.keys(found);
    for (const key of Object.keys(value)) {
      const member = value[key];
      const type = map.fields.get(key) ?? map.element;
      if (type === undefined) return this.#giveUp();
      if (member === undefined) continue;
      const below = this.#below(type, member);
      if (skipped.has(key)) continue;
      const element = `f:${key}`;
      names.push(element);
      found[element] = below ?? {};
    }
    return inOrder(names, found);
  }

  /** As a field of its own with those below it. */
  #below(ref: TypeRef, value: unknown): FieldsV1 | undefined {
    if (value === null) return undefined;
    const { map, list } = ref();
    if (isObject(value) && map !== undefined && !map.atomic) return dotted(this.members(map, value, none));
    if (Array.isArray(value) && list !== undefined && !list.atomic) return dotted(this.#items(list, value));
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
      found[element] = this.#below(list.element, item) ?? {};
    }
    return inOrder(names, found);
  }

  #giveUp(): undefined {
    this.isWhole = false;
    return undefined;
  }
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
