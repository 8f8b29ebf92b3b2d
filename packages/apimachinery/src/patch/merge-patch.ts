/** JSON Merge Patch (RFC 7386). */
import { isObject } from "../structural/walk.ts";

/** The object with the patch's members, those that are null removed; neither argument is changed. */
export function mergePatch(object: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return structuredClone(patch);
  const entries = new Map(Object.entries(isObject(object) ? object : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) entries.delete(key);
    else entries.set(key, mergePatch(entries.get(key), value));
  }
  return Object.fromEntries(entries);
}
