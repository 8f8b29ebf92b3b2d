/** Takes fields out of a value: to remove them, or to keep nothing else. */
import { isObject, type JsonObject, setMember } from "../structural/walk.ts";
import { fieldType, itemElement, kindOf, type TypeRef } from "./apply-type.ts";
import type { FieldSet } from "./field-set.ts";

export function removeFields(ref: TypeRef, value: unknown, fields: FieldSet): unknown {
  return take(ref, value, fields, false);
}

export function extractFields(ref: TypeRef, value: unknown, fields: FieldSet): unknown {
  return take(ref, value, fields, true);
}

function take(ref: TypeRef, value: unknown, fields: FieldSet, extract: boolean): unknown {
  const { map, list } = kindOf(ref(), value);
  if (isObject(value) && map !== undefined) {
    if (map.atomic) return extract ? value : null;
    const out: JsonObject = {};
    for (const [key, member] of Object.entries(value)) {
      const type = fieldType(map, key);
      const kept = type === undefined ? keep(member) : takeAt(type, member, fields, `f:${key}`, extract);
      if (kept !== undefined) setMember(out, key, kept.value);
    }
    return Object.keys(out).length > 0 ? out : null;
  }
  if (Array.isArray(value) && list !== undefined) {
    if (list.atomic) return extract ? value : null;
    const out: unknown[] = [];
    for (const item of value) {
      const kept = takeAt(list.element, item, fields, itemElement(list, item), extract);
      if (kept !== undefined) out.push(kept.value);
    }
    return out.length > 0 ? out : null;
  }
  return value;
}

function keep(value: unknown): { readonly value: unknown } {
  return { value };
}

function takeAt(
  ref: TypeRef,
  value: unknown,
  fields: FieldSet,
  element: string,
  extract: boolean,
): { readonly value: unknown } | undefined {
  // A whole that was applied empty is extracted empty, whatever others have put into it since.
  if (fields.members.has(element)) return extract ? keep(take(ref, value, fields, true)) : undefined;
  const below = fields.children.get(element);
  if (below !== undefined) return keep(take(ref, value, below, extract));
  return extract ? undefined : keep(value);
}
