/** Expressions of the Common Expression Language, as parsed; macros are already written out. */

/** Where in the text an expression is: what messages point at. */
export interface Place {
  readonly at: number;
}

export type Expr = Place &
  (
    | { readonly kind: "literal"; readonly value: unknown }
    | { readonly kind: "ident"; readonly name: string }
    | {
        readonly kind: "select";
        readonly operand: Expr;
        readonly field: string;
        /** Only whether it is there: `has(a.b)`. */
        readonly test: boolean;
        /** `a.?b`: an optional. */
        readonly optional: boolean;
      }
    | {
        readonly kind: "call";
        readonly name: string;
        readonly target: Expr | undefined;
        readonly args: readonly Expr[];
      }
    | { readonly kind: "list"; readonly items: readonly Expr[]; readonly optional: ReadonlySet<number> }
    | { readonly kind: "map"; readonly entries: readonly MapEntry[] }
    | Comprehension
  );

export interface MapEntry {
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

/** A loop: every macro that looks at items is one. */
export interface Comprehension extends Place {
  readonly kind: "comprehension";
  readonly range: Expr;
  /** An item; of two variables the index or key. */
  readonly variable: string;
  readonly second: string | undefined;
  readonly accumulator: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

export interface Fault extends Place {
  readonly message: string;
}

/** The text is no expression, or its types do not fit. */
export class CompileError extends Error {
  override name = "CompileError";

  constructor(source: string, faults: readonly Fault[]) {
    const sorted = [...faults].sort((a, b) => a.at - b.at);
    super(sorted.map((fault) => describeFault(source, fault)).join("\n"));
  }
}

/** As the reference implementation prints it, with the line and a mark below it. */
function describeFault(source: string, { at, message }: Fault): string {
  const before = source.slice(0, at).split("\n");
  const column = [...(before.at(-1) ?? "")].length;
  const line = source.split("\n")[before.length - 1] ?? "";
  const mark = `${".".repeat(column)}^`;
  return `ERROR: <input>:${before.length}:${column + 1}: ${message}\n | ${line}\n | ${mark}`;
}

/** Its types fit, and yet it can come to nothing: a constant of it cannot be made. */
export class ProgramError extends Error {
  override name = "ProgramError";
}
