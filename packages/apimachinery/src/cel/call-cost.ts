/** What a call costs when it is made: by the size of what it looks at, as upstream counts. */
import type { Overload } from "./overloads.ts";
import { isMapValue, OpaqueValue, sizeOf } from "./values.ts";

/** Of looking at a character, and at one of a regular expression. */
export const perCharacter = 0.1;
export const perPattern = 0.25;

/** What looks through a list once. */
export const traversals: ReadonlySet<string> = new Set([
  ...["isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"],
]);
/** What looks through its first argument once. */
export const scans: ReadonlySet<string> = new Set([
  ...["url", "lowerAscii", "upperAscii", "substring", "trim", "cidr", "isIP", "isCIDR", "ip"],
  ...["quantity", "isQuantity", "semver", "isSemver", "strings.quote", "string", "bytes", "isURL"],
]);
/** Upstream's: an expression may ask twice. */
const checkCost = 350_000;
const orders = new Set(["_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"]);

/** Undefined where it takes the result to know. */
export function callCost(
  { name, params }: Overload,
  args: readonly unknown[],
  result?: unknown,
): number | undefined {
  const [a, b] = [sizeOf(args[0]), sizeOf(args[1])];
  if (traversals.has(name)) return traversal(args[0]);
  if (name === "ip.isCanonical" || name === "replace" || name === "split")
    return Math.ceil(a * 2 * perCharacter);
  if (scans.has(name)) {
    const texts = params[0]?.kind === "string" || params[0]?.kind === "bytes";
    return texts ? Math.ceil(a * perCharacter) : 1;
  }
  if (name === "join") return result === undefined ? undefined : Math.ceil(sizeOf(result) * 2 * perCharacter);
  if (name === "find" || name === "findAll" || name === "matches")
    return Math.ceil((1 + a) * perCharacter) * Math.ceil(b * perPattern);
  if (name === "validate") return Math.ceil((1 + b) * perCharacter) * Math.ceil(128 * perPattern);
  if (name === "containsIP" || name === "containsCIDR") return 8;
  if (name === "startsWith" || name === "endsWith") return Math.ceil(b * perCharacter);
  if (name === "contains") return Math.ceil(a * perCharacter) * Math.ceil(b * perCharacter);
  if (name === "@in" && params[1]?.kind === "list") return b;
  if (orders.has(name)) {
    if (args[0] instanceof OpaqueValue) return 1;
    return Math.ceil(Math.min(a, b) * perCharacter);
  }
  if (name === "_+_" && (params[0]?.kind === "string" || params[0]?.kind === "bytes"))
    return Math.ceil((a + b) * perCharacter);
  if (name === "check") return checkCost;
  if (name.startsWith("sets.")) return a * b + 1;
  if (name === "distinct" || name.startsWith("sort") || name === "@sortByAssociatedKeys") return a * a + 1;
  return 1;
}

function traversal(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array)
    return Math.floor(sizeOf(value) * perCharacter);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (!isMapValue(value)) return 1;
  return value.keys().reduce<number>((sum, key) => sum + traversal(key) + traversal(value.get(key)), 0);
}
