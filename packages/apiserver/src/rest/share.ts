/**
 * The value with all of `like`'s parts that are equal in place of its own; `like` itself where all of it
 * is. The value is changed. What is shared needs no second look: it was checked, and it differs in nothing.
 */
export function share(value: unknown, like: unknown): unknown {
  if (value === like || !isWhole(value) || !isWhole(like)) return value;
  if (Array.isArray(value) !== Array.isArray(like)) return value;
  let own = Object.keys(like).length;
  for (const key of Object.keys(value)) {
    const member = share(value[key], like[key]);
    if (member === like[key] && Object.hasOwn(like, key)) own--;
    else own = Number.NaN;
    value[key] = member;
  }
  return own === 0 ? like : value;
}

function isWhole(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
