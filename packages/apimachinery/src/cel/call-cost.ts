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
  ...["quantity", "isQuantity", "semver", "isSemver", "strings.quote", "string", "bytes"],
]);
/** Upstream's: an expression may ask twice. */
const checkCost = 350_000;
const orders = new Set(["_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"]);

/** Undefined where it takes the result to know. */
type CostRule = (args: readonly unknown[], result?: unknown) => number | undefined;

/** By overload: a call is made more often than an expression is written. */
const rules = new WeakMap<Overload, CostRule>();

/** Undefined where it takes the result to know. */
export function callCost(overload: Overload, args: readonly unknown[], result?: unknown): number | undefined {
  let rule = rules.get(overload);
  if (rule === undefined) {
    rule = ruleOf(overload);
    rules.set(overload, rule);
  }
  return rule(args, result);
}

const one: CostRule = () => 1;
const product: CostRule = ([a, b]) => sizeOf(a) * sizeOf(b) + 1;

function ruleOf({ name, params }: Overload): CostRule {
  const isText = params[0]?.kind === "string" || params[0]?.kind === "bytes";
  if (traversals.has(name)) return ([list]) => traversal(list);
  if (name === "ip.isCanonical" || name === "replace" || name === "split")
    return ([a]) => looks(2 * sizeOf(a));
  if (scans.has(name)) return isText ? ([a]) => looks(sizeOf(a)) : one;
  if (name === "find" || name === "findAll" || name === "matches")
    return ([a, b]) => looks(1 + sizeOf(a)) * Math.ceil(sizeOf(b) * perPattern);
  if (name === "validate") return ([, b]) => looks(1 + sizeOf(b)) * Math.ceil(128 * perPattern);
  if (orders.has(name)) {
    return ([a, b]) => (a instanceof OpaqueValue ? 1 : looks(Math.min(sizeOf(a), sizeOf(b))));
  }
  if (name === "_+_" && isText) return ([a, b]) => looks(sizeOf(a) + sizeOf(b));
  if (name.startsWith("sets.")) return product;
  if (name === "@in" && params[1]?.kind === "list") return ([, b]) => sizeOf(b);
  return named[name] ?? one;
}

function looks(characters: number): number {
  return Math.ceil(characters * perCharacter);
}

const square: CostRule = ([a]) => sizeOf(a) ** 2 + 1;
const named: Readonly<Record<string, CostRule>> = {
  join: (_args, result) => (result === undefined ? undefined : looks(2 * sizeOf(result))),
  ...{ containsIP: () => 8, containsCIDR: () => 8, check: () => checkCost },
  ...{ startsWith: ([, b]) => looks(sizeOf(b)), endsWith: ([, b]) => looks(sizeOf(b)) },
  contains: ([a, b]) => looks(sizeOf(a)) * looks(sizeOf(b)),
  ...{ distinct: square, sort: square, "@sortByAssociatedKeys": square },
};

function traversal(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array)
    return Math.floor(sizeOf(value) * perCharacter);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (!isMapValue(value)) return 1;
  return value.keys().reduce<number>((sum, key) => sum + traversal(key) + traversal(value.get(key)), 0);
}
