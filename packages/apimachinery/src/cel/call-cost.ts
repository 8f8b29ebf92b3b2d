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

function ruleOf({ name, params, member }: Overload): CostRule {
  const isText = params[0]?.kind === "string" || params[0]?.kind === "bytes";
  if (traversals.has(name)) return ([list]) => traversal(list);
  if (name === "ip.isCanonical" || name === "replace" || name === "split")
    return ([a]) => looks(2 * sizeOf(a));
  if (name === "string") return params[0]?.kind === "bytes" ? ([a]) => looks(sizeOf(a)) : one;
  if (name === "bytes") return params[0]?.kind === "string" ? ([a]) => looks(sizeOf(a)) : one;
  if (scans.has(name)) return isText ? ([a]) => looks(sizeOf(a)) : one;
  if (name === "format") return ([a]) => looks(sizeOf(a));
  if (name === "matches" && !member) return one;
  if (name === "find" || name === "findAll" || name === "matches")
    return ([a, b]) => looks(1 + sizeOf(a)) * Math.ceil(sizeOf(b) * perPattern);
  if (name === "validate") return ([a, b]) => looks(1 + sizeOf(b)) * Math.ceil(sizeOf(a) * perPattern);
  if (orders.has(name)) {
    return ([a, b]) => (a instanceof OpaqueValue ? 1 : looks(Math.min(sizeOf(a), sizeOf(b))));
  }
  if (name === "_+_" && isText) return ([a, b]) => looks(sizeOf(a) + sizeOf(b));
  if (name === "sets.equivalent") return ([a, b]) => 2 * sizeOf(a) * sizeOf(b) + 1;
  if (name.startsWith("sets.")) return product;
  if (name === "@in" && params[1]?.kind === "list") return ([, b]) => sizeOf(b);
  return named[name] ?? one;
}

function looks(characters: number): number {
  return Math.ceil(characters * perCharacter);
}

/** Each item beside each, and a list made of them. */
function compared(list: unknown): number {
  if (!Array.isArray(list) || list.length === 0) return 11;
  const isText = typeof list[0] === "string" || list[0] instanceof Uint8Array;
  return Math.floor(list.length ** 2 * (isText ? 2 + perCharacter : 2)) + 11;
}

const sorts: CostRule = ([list]) => compared(list);
/** A list is made of what comes out. */
const makes: CostRule = (_args, result) => (result === undefined ? undefined : sizeOf(result) + 11);
const parsed = (value: unknown): number => (typeof value === "string" ? looks(sizeOf(value)) : 0);
const named: Readonly<Record<string, CostRule>> = {
  join: (_args, result) => (result === undefined ? undefined : looks(2 * sizeOf(result))),
  containsIP: ([range, other]) => looks(2 * sizeOf(range)) + parsed(other),
  containsCIDR: ([range, other]) => looks(2 * sizeOf(range)) + looks(sizeOf(range)) + 1 + parsed(other),
  check: () => checkCost,
  flatten: ([list, depth]) => sizeOf(list) * (typeof depth === "bigint" ? Number(depth) : 1) + 11,
  ...{ slice: makes, reverse: makes, "lists.range": makes },
  ...{ startsWith: ([a]) => looks(sizeOf(a)), endsWith: ([a]) => looks(sizeOf(a)) },
  contains: ([a, b]) => looks(sizeOf(a)) * looks(sizeOf(b)),
  ...{ distinct: sorts, sort: sorts, "@sortByAssociatedKeys": ([, keys]) => compared(keys) },
};

function traversal(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array)
    return Math.floor(sizeOf(value) * perCharacter);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (!isMapValue(value)) return 1;
  return value.keys().reduce<number>((sum, key) => sum + traversal(key) + traversal(value.get(key)), 0);
}
