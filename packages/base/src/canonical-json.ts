import "./whole-json.ts";

/** JSON with object keys in order, so that equal values have equal text. `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    // What a bigint is written as.
    if (JSON.isRawJSON(inner)) return inner;
    return Object.fromEntries(
      Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)),
    );
  });
}

/** Whether two JSON values are the same whatever the order of their keys. */
export function jsonEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => jsonEqual(item, right[index]));
  }
  const [ofLeft, ofRight] = [left as Record<string, unknown>, right as Record<string, unknown>];
  let surplus = 0;
  for (const key of Object.keys(ofLeft)) {
    if (ofLeft[key] === undefined) continue;
    if (!jsonEqual(ofLeft[key], ofRight[key])) return false;
    surplus++;
  }
  for (const key of Object.keys(ofRight)) if (ofRight[key] !== undefined) surplus--;
  return surplus === 0;
}
