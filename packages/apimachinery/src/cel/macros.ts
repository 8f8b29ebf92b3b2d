/** Macros: what looks like a call and is a loop, a test or a name for a value. */
import type { Expr } from "./ast.ts";

/** What the accumulator is called; no name in a text can be. */
export const accumulator = "@result";
/** The variable of a loop over nothing, which gives a value a name. */
export const unused = "#unused";

/** The expression that the macro stands for, what is wrong with it, or undefined when it is no macro. */
export function expandMacro(
  name: string,
  target: Expr | undefined,
  args: readonly Expr[],
  at: number,
): Expr | string | undefined {
  if (target === undefined) return name === "has" && args.length === 1 ? hasMacro(args[0]) : undefined;
  const [first, second, third, fourth] = args;
  if ((name === "optMap" || name === "optFlatMap") && args.length === 2)
    return optionalMacro(name, target, first, second, at);
  const loop = loops[`${name}/${args.length}`];
  if (loop === undefined || first === undefined || second === undefined) return undefined;
  if (first.kind !== "ident") return loop.two ? undefined : "argument must be a simple name";
  if (!loop.two) return loop.make({ target, variable: first.name, second: undefined, at }, second, third);
  if (second.kind !== "ident") return undefined;
  if (first.name === second.name) return "the two variables need names of their own";
  if (third === undefined) return undefined;
  return loop.make({ target, variable: first.name, second: second.name, at }, third, fourth);
}

interface Loop {
  readonly target: Expr;
  readonly variable: string;
  readonly second: string | undefined;
  readonly at: number;
}

interface LoopMacro {
  readonly two: boolean;
  readonly make: (loop: Loop, body: Expr, more: Expr | undefined) => Expr;
}

const one = (make: LoopMacro["make"]): LoopMacro => ({ two: false, make });
const two = (make: LoopMacro["make"]): LoopMacro => ({ two: true, make });

const loops: Readonly<Record<string, LoopMacro>> = {
  "all/2": one(all),
  "all/3": two(all),
  "exists/2": one(exists),
  "exists/3": two(exists),
  "exists_one/2": one(existsOne),
  "exists_one/3": two(existsOne),
  "existsOne/3": two(existsOne),
  "map/2": one((loop, body) => collect(loop, undefined, body)),
  "map/3": one((loop, test, body) => collect(loop, test, body ?? test)),
  "filter/2": one((loop, test) => collect(loop, test, ident(loop.variable, loop.at))),
  "sortBy/2": one(sortBy),
  "transformList/3": two((loop, body) => collect(loop, undefined, body)),
  "transformList/4": two((loop, test, body) => collect(loop, test, body ?? test)),
  "transformMap/3": two((loop, body) => insert(loop, undefined, body)),
  "transformMap/4": two((loop, test, body) => insert(loop, test, body ?? test)),
  "transformMapEntry/3": two((loop, body) => insertEntry(loop, undefined, body)),
  "transformMapEntry/4": two((loop, test, body) => insertEntry(loop, test, body ?? test)),
};

function ident(name: string, at: number): Expr {
  return { kind: "ident", name, at };
}

function literal(value: unknown, at: number): Expr {
  return { kind: "literal", value, at };
}

function call(at: number, name: string, ...args: readonly Expr[]): Expr {
  return { kind: "call", name, target: undefined, args, at };
}

function comprehension(
  { target, variable, second, at }: Loop,
  parts: { readonly init: Expr; readonly condition: Expr; readonly step: Expr; readonly result: Expr },
): Expr {
  return { kind: "comprehension", range: target, variable, second, accumulator, ...parts, at };
}

function all(loop: Loop, body: Expr): Expr {
  const { at } = loop;
  const result = ident(accumulator, at);
  return comprehension(loop, {
    init: literal(true, at),
    condition: call(at, "@not_strictly_false", result),
    step: call(at, "_&&_", result, body),
    result,
  });
}

function exists(loop: Loop, body: Expr): Expr {
  const { at } = loop;
  const result = ident(accumulator, at);
  return comprehension(loop, {
    init: literal(false, at),
    condition: call(at, "@not_strictly_false", call(at, "!_", result)),
    step: call(at, "_||_", result, body),
    result,
  });
}

function existsOne(loop: Loop, body: Expr): Expr {
  const { at } = loop;
  const result = ident(accumulator, at);
  return comprehension(loop, {
    init: literal(0n, at),
    condition: literal(true, at),
    step: call(at, "_?_:_", body, call(at, "_+_", result, literal(1n, at)), result),
    result: call(at, "_==_", result, literal(1n, at)),
  });
}

function when(at: number, test: Expr | undefined, step: Expr): Expr {
  return test === undefined ? step : call(at, "_?_:_", test, step, ident(accumulator, at));
}

function collect(loop: Loop, test: Expr | undefined, body: Expr): Expr {
  const { at } = loop;
  const result = ident(accumulator, at);
  const item: Expr = { kind: "list", items: [body], optional: new Set(), at };
  return comprehension(loop, {
    init: { kind: "list", items: [], optional: new Set(), at },
    condition: literal(true, at),
    step: when(at, test, call(at, "_+_", result, item)),
    result,
  });
}

/** The items in the order of what the body makes of each. */
function sortBy(loop: Loop, body: Expr): Expr {
  const { target, at } = loop;
  const input = ident("@sortBy_input", at);
  const args = [collect({ ...loop, target: input }, undefined, body)];
  const sorted: Expr = { kind: "call", name: "@sortByAssociatedKeys", target: input, args, at };
  return bound("@sortBy_input", target, sorted, at);
}

function insert(loop: Loop, test: Expr | undefined, body: Expr): Expr {
  const { at, variable } = loop;
  const result = ident(accumulator, at);
  return comprehension(loop, {
    init: { kind: "map", entries: [], at },
    condition: literal(true, at),
    step: when(at, test, call(at, "cel.@mapInsert", result, ident(variable, at), body)),
    result,
  });
}

function insertEntry(loop: Loop, test: Expr | undefined, body: Expr): Expr {
  const { at } = loop;
  const result = ident(accumulator, at);
  return comprehension(loop, {
    init: { kind: "map", entries: [], at },
    condition: literal(true, at),
    step: when(at, test, call(at, "cel.@mapInsert", result, body)),
    result,
  });
}

function hasMacro(field: Expr | undefined): Expr | string {
  if (field?.kind !== "select") return "invalid argument to has() macro";
  return { ...field, test: true };
}

/** A name for a value, as a loop over nothing: its accumulator is the name. */
function bound(name: string, value: Expr, body: Expr, at: number): Expr {
  return {
    ...{ kind: "comprehension", at, variable: unused, second: undefined, accumulator: name },
    range: { kind: "list", items: [], optional: new Set(), at },
    init: value,
    condition: literal(false, at),
    step: ident(name, at),
    result: body,
  };
}

function optionalMacro(
  macro: string,
  target: Expr,
  variable: Expr | undefined,
  body: Expr | undefined,
  at: number,
): Expr | string {
  if (variable?.kind !== "ident" || body === undefined)
    return `${macro}() variable name must be a simple identifier`;
  const member = (name: string): Expr => ({ kind: "call", name, target, args: [], at });
  const made = bound(variable.name, member("value"), body, at);
  const optional = ident("optional", at);
  const present: Expr =
    macro === "optMap" ? { kind: "call", name: "of", target: optional, args: [made], at } : made;
  const absent: Expr = { kind: "call", name: "none", target: optional, args: [], at };
  return call(at, "_?_:_", member("hasValue"), present, absent);
}
