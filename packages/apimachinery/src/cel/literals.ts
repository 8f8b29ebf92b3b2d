/** What an expression's literals hold, as upstream asks once all types fit. */
import type { Expr, Fault } from "./ast.ts";
import { clauseFault, readFormat, takesUnbounded } from "./format.ts";
import { type CelType, dyn, printType } from "./types.ts";
import { EvaluationError } from "./values.ts";

export type Aggregate = Expr & { readonly kind: "list" | "map" };

interface Literals {
  /** Lists and maps whose parts are to be of one type. */
  readonly aggregates: readonly Aggregate[];
  readonly formats: readonly (Expr & { readonly kind: "call" })[];
}

/** Of one whose types fit: literals of values of several types, formats that do not fit what they show. */
export function literalFaults(found: Literals, types: ReadonlyMap<Expr, CelType>): Fault[] {
  const faults: Fault[] = [];
  const typeOf = (expr: Expr, optional: boolean): string => {
    const type = types.get(expr) ?? dyn;
    return printType(optional ? (type.args[0] ?? dyn) : type);
  };
  const alike = (parts: readonly (readonly [expr: Expr, optional: boolean])[]): boolean => {
    const [first] = parts;
    if (first === undefined) return true;
    const wanted = typeOf(...first);
    const other = parts.find((part) => typeOf(...part) !== wanted);
    if (other === undefined) return true;
    faults.push({ at: other[0].at, message: `expected type '${wanted}' but found '${typeOf(...other)}'` });
    return false;
  };
  for (const literal of found.aggregates) {
    if (literal.kind === "list")
      alike(literal.items.map((item, index) => [item, literal.optional.has(index)] as const));
    else if (alike(literal.entries.map(({ key }) => [key, false] as const)))
      alike(literal.entries.map(({ value, optional }) => [value, optional] as const));
  }
  for (const call of found.formats) {
    const fault = formatFault(call, types);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

function formatFault(
  call: Expr & { readonly kind: "call" },
  types: ReadonlyMap<Expr, CelType>,
): Fault | undefined {
  const [list] = call.args;
  const format = call.target?.kind === "literal" ? call.target.value : undefined;
  if (typeof format !== "string" || list?.kind !== "list") return undefined;
  const { at } = call;
  try {
    const clauses = readFormat(format, list.items.length).filter((part) => typeof part !== "string");
    for (const [index, clause] of clauses.entries()) {
      const item = list.items[index];
      const type = item && types.get(item);
      if (item === undefined || type === undefined || type.kind === "dyn") continue;
      if (item.kind === "literal" && takesUnbounded(clause, item.value)) continue;
      const fault = clauseFault(clause, namedType(type));
      if (fault !== undefined) return { at: item.at, message: fault };
    }
    if (list.items.length <= clauses.length) return undefined;
    const counts = `expected ${clauses.length}, got ${list.items.length}`;
    return { at, message: `too many arguments supplied to string.format (${counts})` };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { at, message: error.message };
  }
}

/** As values of the type call it. */
function namedType(type: CelType): string {
  const special = {
    timestamp: "google.protobuf.Timestamp",
    duration: "google.protobuf.Duration",
    null: "null_type",
  };
  if (type.kind === "list" || type.kind === "map" || type.kind === "type") return type.kind;
  return special[type.kind as keyof typeof special] ?? printType(type);
}
