/** From text to expressions, by the grammar of cel-spec. */
import { CompileError, type Expr, type MapEntry } from "./ast.ts";
import { type Token, tokens } from "./lexer.ts";
import { expandMacro } from "./macros.ts";
import { UintValue } from "./values.ts";

/** Deeper than any rule that a person writes. */
const depthMax = 200;

export function parse(source: string): Expr {
  return new Parser(source).whole();
}

const reserved = new Set([
  ..."as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
]);
const relations = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokens(source);
  }

  whole(): Expr {
    const expr = this.#expression();
    if (this.#token.kind !== "end") this.#unexpected("<EOF>");
    return expr;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "<EOF>", at: this.#source.length };
  }

  #next(): Token {
    const token = this.#token;
    this.#at++;
    return token;
  }

  #is(text: string): boolean {
    const { kind } = this.#token;
    return (kind === "punctuation" || kind === "ident") && this.#token.text === text;
  }

  #accept(text: string): Token | undefined {
    return this.#is(text) ? this.#next() : undefined;
  }

  #expect(text: string): Token {
    if (!this.#is(text)) this.#unexpected(`'${text}'`);
    return this.#next();
  }

  #unexpected(expected: string): never {
    const { text, at } = this.#token;
    this.#fail(at, `Syntax error: mismatched input '${text}' expecting ${expected}`);
  }

  #fail(at: number, message: string): never {
    throw new CompileError(this.#source, [{ at, message }]);
  }

  #expression(): Expr {
    if (++this.#depth > depthMax) this.#fail(this.#token.at, "expression recursion limit exceeded");
    const condition = this.#or();
    const mark = this.#accept("?");
    this.#depth--;
    if (mark === undefined) return condition;
    const yes = this.#or();
    this.#expect(":");
    const no = this.#expression();
    return call(mark.at, "_?_:_", condition, yes, no);
  }

  #or(): Expr {
    return this.#chain(["||"], () => this.#and());
  }

  #and(): Expr {
    return this.#chain(["&&"], () => this.#relation());
  }

  #relation(): Expr {
    return this.#chain([...relations], () => this.#sum());
  }

  #sum(): Expr {
    return this.#chain(["+", "-"], () => this.#product());
  }

  #product(): Expr {
    return this.#chain(["*", "/", "%"], () => this.#unary());
  }

  #chain(operators: readonly string[], operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const operator = operators.find((one) => this.#is(one));
      if (operator === undefined) return left;
      const { at } = this.#next();
      left = call(at, operator === "in" ? "@in" : `_${operator}_`, left, operand());
    }
  }

  #unary(): Expr {
    const sign = this.#is("!") || this.#is("-") ? this.#next() : undefined;
    if (sign === undefined) return this.#member();
    const { kind, value } = this.#token;
    if (sign.text === "-" && (kind === "int" || kind === "double")) {
      // The least integer can only be written with its sign.
      const { at } = this.#next();
      const negative = kind === "int" ? -(value as bigint) : -(value as number);
      return this.#members({ kind: "literal", value: negative, at: Math.min(at, sign.at) });
    }
    if (++this.#depth > depthMax) this.#fail(sign.at, "expression recursion limit exceeded");
    const operand = this.#unary();
    this.#depth--;
    return call(sign.at, sign.text === "!" ? "!_" : "-_", operand);
  }

  #member(): Expr {
    return this.#members(this.#primary());
  }

  #members(first: Expr): Expr {
    let expr = first;
    for (;;) {
      const dot = this.#accept(".");
      if (dot !== undefined) {
        expr = this.#afterDot(expr, dot.at);
        continue;
      }
      const open = this.#accept("[");
      if (open === undefined) return expr;
      const optional = this.#accept("?") !== undefined;
      const index = this.#expression();
      this.#expect("]");
      expr = call(open.at, optional ? "_[?_]" : "_[_]", expr, index);
    }
  }

  #afterDot(operand: Expr, at: number): Expr {
    const optional = this.#accept("?") !== undefined;
    const { kind, text } = this.#token;
    if (kind !== "ident") this.#unexpected("IDENTIFIER");
    this.#next();
    const open = optional ? undefined : this.#accept("(");
    if (open === undefined) return { kind: "select", operand, field: text, test: false, optional, at };
    const args = this.#arguments(")");
    return this.#expanded(text, operand, args, open.at);
  }

  #arguments(end: string): Expr[] {
    const args: Expr[] = [];
    while (!this.#is(end)) {
      args.push(this.#expression());
      if (this.#accept(",") === undefined) break;
    }
    this.#expect(end);
    return args;
  }

  #expanded(name: string, target: Expr | undefined, args: readonly Expr[], at: number): Expr {
    const expanded = expandMacro(name, target, args, at);
    if (typeof expanded === "string") this.#fail(args[0]?.at ?? at, expanded);
    return expanded ?? { kind: "call", name, target, args, at };
  }

  #primary(): Expr {
    const token = this.#next();
    const { kind, text, value, at } = token;
    switch (kind) {
      case "int":
        if ((value as bigint) >= 2n ** 63n) this.#fail(at, "invalid int literal");
        return { kind: "literal", value, at };
      case "uint":
        return { kind: "literal", value: new UintValue(value as bigint), at };
      case "double":
      case "string":
      case "bytes":
        return { kind: "literal", value, at };
      case "ident":
        return this.#named(text, at);
      case "punctuation":
        if (text === "(") {
          const inner = this.#expression();
          this.#expect(")");
          return inner;
        }
        if (text === "[") return this.#list(at);
        if (text === "{") return this.#map(at);
        if (text === "." && this.#token.kind === "ident") return this.#named(this.#next().text, at);
        break;
      default:
    }
    this.#at--;
    return this.#unexpected(
      "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, " +
        "IDENTIFIER}",
    );
  }

  #named(name: string, at: number): Expr {
    if (name === "true" || name === "false") return { kind: "literal", value: name === "true", at };
    if (name === "null") return { kind: "literal", value: null, at };
    if (reserved.has(name)) this.#fail(at, `reserved identifier: ${name}`);
    const open = this.#accept("(");
    if (open === undefined) return { kind: "ident", name, at };
    return this.#expanded(name, undefined, this.#arguments(")"), open.at);
  }

  #list(at: number): Expr {
    const items: Expr[] = [];
    const optional = new Set<number>();
    while (!this.#is("]")) {
      if (this.#accept("?") !== undefined) optional.add(items.length);
      items.push(this.#expression());
      if (this.#accept(",") === undefined) break;
    }
    this.#expect("]");
    return { kind: "list", items, optional, at };
  }

  #map(at: number): Expr {
    const entries: MapEntry[] = [];
    while (!this.#is("}")) {
      const optional = this.#accept("?") !== undefined;
      const key = this.#expression();
      this.#expect(":");
      entries.push({ key, value: this.#expression(), optional });
      if (this.#accept(",") === undefined) break;
    }
    this.#expect("}");
    return { kind: "map", entries, at };
  }
}

function call(at: number, name: string, ...args: readonly Expr[]): Expr {
  return { kind: "call", name, target: undefined, args, at };
}
