/** Functions: each overload is a line that says its types, what it does, and what that costs. */
import type { Expr } from "./ast.ts";
import { type CelType, readSignature } from "./types.ts";

export interface Overload {
  readonly name: string;
  readonly member: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
  readonly run: (...args: readonly never[]) => unknown;
}

/** What a call in an expression may mean. */
export interface Call {
  readonly overloads: readonly Overload[];
  /** The receiver, if any, first. */
  readonly args: readonly Expr[];
}

export class FunctionTable {
  readonly #overloads = new Map<string, Overload[]>();

  /** `add("string.size() int", (text) => …)` */
  add(signature: string, run: (...args: readonly never[]) => unknown): void {
    const read = readSignature(signature);
    const known = this.#overloads.get(read.name);
    const overload = { ...read, run };
    if (known === undefined) this.#overloads.set(read.name, [overload]);
    else known.push(overload);
  }

  find(name: string, member: boolean): readonly Overload[] {
    return (this.#overloads.get(name) ?? []).filter((overload) => overload.member === member);
  }

  has(name: string): boolean {
    return this.#overloads.has(name);
  }
}
