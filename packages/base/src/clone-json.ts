/**
 * A copy of plain JSON that shares nothing with it. Objects are copied for each change, so it must be
 * quick.
 */
export function cloneJson<T>(value: T): T {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = cloneJson((value as Record<string, unknown>)[key]);
    // To assign this name would set the copy's prototype; JSON knows it as a name like any other.
    if (key === "__proto__") Object.defineProperty(copy, key, { ...ordinary, value: member });
    else copy[key] = member;
  }
  return copy as T;
}

const ordinary = { enumerable: true, configurable: true, writable: true } as const;
