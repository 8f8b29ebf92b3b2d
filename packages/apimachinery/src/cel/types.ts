/** Types of CEL expressions, and how they fit each other. */
import { isMapValue, OpaqueValue, OptionalValue, typeNameOf } from "./values.ts";

export interface CelType {
  /** int, string, list, map, optional, type, object, param, or one of Kubernetes' own. */
  readonly kind: string;
  /** Of a list its items, of a map its keys and values. */
  readonly args: readonly CelType[];
  /** Of an object or a parameter. */
  readonly name?: string;
  /** An object's members, by their names in expressions. */
  readonly fields?: ReadonlyMap<string, CelType>;
  /** How large a value can be at most: characters, items, members. Known of what a schema describes. */
  readonly max?: number;
}

function simple(kind: string): CelType {
  return { kind, args: [] };
}

export const dyn: CelType = simple("dyn");
export const bool: CelType = simple("bool");
export const int: CelType = simple("int");
export const uint: CelType = simple("uint");
export const double: CelType = simple("double");
export const string: CelType = simple("string");
export const bytes: CelType = simple("bytes");
export const nullType: CelType = simple("null");
export const timestamp: CelType = simple("timestamp");
export const duration: CelType = simple("duration");

export function listOf(item: CelType, max?: number): CelType {
  return { kind: "list", args: [item], ...(max !== undefined && { max }) };
}

export function mapOf(key: CelType, value: CelType, max?: number): CelType {
  return { kind: "map", args: [key, value], ...(max !== undefined && { max }) };
}

export function optionalOf(value: CelType): CelType {
  return { kind: "optional", args: [value] };
}

export function param(name: string): CelType {
  return { kind: "param", args: [], name };
}

const printed: Readonly<Record<string, string>> = {
  ...{ null: "null", timestamp: "timestamp", duration: "duration", optional: "optional_type" },
  ...{ url: "kubernetes.URL", quantity: "kubernetes.Quantity", ip: "net.IP", cidr: "net.CIDR" },
  ...{ format: "kubernetes.NamedFormat", semver: "kubernetes.Semver" },
  ...{ authorizer: "kubernetes.authorization.Authorizer", decision: "kubernetes.authorization.Decision" },
  ...{ pathcheck: "kubernetes.authorization.PathCheck", groupcheck: "kubernetes.authorization.GroupCheck" },
  resourcecheck: "kubernetes.authorization.ResourceCheck",
};

export function printType({ kind, args, name }: CelType): string {
  const text = name ?? printed[kind] ?? kind;
  return args.length === 0 ? text : `${text}(${args.map(printType).join(", ")})`;
}

/** What parameters stand for, as far as it is known. */
export type Bindings = ReadonlyMap<string, CelType>;

export function substitute(type: CelType, bindings: Bindings): CelType {
  if (type.kind === "param") {
    const bound = bindings.get(type.name ?? "");
    return bound === undefined ? type : substitute(bound, bindings);
  }
  if (type.args.length === 0 || type.fields !== undefined) return type;
  const args = type.args.map((arg) => substitute(arg, bindings));
  return args.every((arg, index) => arg === type.args[index]) ? type : { ...type, args };
}

/** The bindings with which a value of type `from` can be used as a `to`; undefined when it cannot. */
export function assign(to: CelType, from: CelType, bindings: Bindings): Bindings | undefined {
  const [target, source] = [substitute(to, bindings), substitute(from, bindings)];
  if (target === source) return bindings;
  if (target.kind === "param") return bind(target, source, bindings);
  if (source.kind === "param") return bind(source, target, bindings);
  const known = fit(to.kind === "param" ? target : to, from.kind === "param" ? source : from, bindings);
  // A parameter that was used before stands for the more general of the two: `null` and `dyn` are `dyn`.
  if (known !== undefined && to.kind === "param" && isAsGeneral(source, target))
    return bind(to, source, known);
  return known;
}

function fit(target: CelType, source: CelType, bindings: Bindings): Bindings | undefined {
  if (target.kind === "dyn" || source.kind === "dyn") return bindings;
  // Null is a value of all types that are no plain ones, and they go where null went first.
  if (source.kind === "null" && !plain.has(target.kind)) return bindings;
  if (target.kind === "null" && !plain.has(source.kind)) return bindings;
  // A type is a type, whatever it is the type of.
  if (target.kind === "type" && source.kind === "type") return bindings;
  if (target.kind !== source.kind || target.args.length !== source.args.length) return undefined;
  if (target.kind === "object") return target.name === source.name ? bindings : undefined;
  let known: Bindings | undefined = bindings;
  for (const [index, arg] of target.args.entries()) {
    known = known && assign(arg, source.args[index] ?? dyn, known);
  }
  return known;
}

function isAsGeneral(one: CelType, other: CelType): boolean {
  if (one.kind === "dyn" || one.kind === "param") return true;
  if (one.kind !== other.kind || one.name !== other.name) return false;
  return one.args.every((arg, index) => isAsGeneral(arg, other.args[index] ?? dyn));
}

const plain = new Set(["bool", "int", "uint", "double", "string", "bytes", "list", "map", "type"]);

function bind(parameter: CelType, type: CelType, bindings: Bindings): Bindings | undefined {
  const name = parameter.name ?? "";
  if (type.kind === "param" && type.name === name) return bindings;
  if (mentions(type, name)) return undefined;
  return new Map(bindings).set(name, type);
}

function mentions(type: CelType, name: string): boolean {
  if (type.kind === "param") return type.name === name;
  return type.args.some((arg) => mentions(arg, name));
}

/** Parameters that stand for nothing yet stand for anything. */
export function settled(type: CelType, bindings: Bindings): CelType {
  const known = substitute(type, bindings);
  if (known.kind === "param") return dyn;
  if (known.args.length === 0 || known.fields !== undefined) return known;
  return { ...known, args: known.args.map((arg) => settled(arg, bindings)) };
}

/** Whether a value is of the type, as far as a call must know. */
export function isOfType(value: unknown, type: CelType): boolean {
  switch (type.kind) {
    case "dyn":
    case "param":
      return true;
    case "list":
      return Array.isArray(value);
    case "map":
      return isMapValue(value) && value.typeName === undefined;
    case "object":
      return isMapValue(value);
    case "optional":
      return value instanceof OptionalValue;
    case "timestamp":
      return typeNameOf(value) === "google.protobuf.Timestamp";
    case "duration":
      return typeNameOf(value) === "google.protobuf.Duration";
    case "null":
      return value === null;
    default:
      if (value instanceof OpaqueValue) return value.type === printed[type.kind];
      return typeNameOf(value) === type.kind;
  }
}

/** `list(A).includes(A) bool` in parts. */
export interface Signature {
  readonly name: string;
  readonly member: boolean;
  readonly params: readonly CelType[];
  readonly result: CelType;
}

export function readSignature(text: string): Signature {
  const reader = new SignatureReader(text);
  return reader.read();
}

class SignatureReader {
  readonly #words: readonly string[];
  #at = 0;

  constructor(text: string) {
    // A receiver's type ends with a dot that is no part of a name like `ip.isCanonical`.
    this.#words = text.match(/[\w@?!&|<>=+\-*/%[\]:.]+(?=[(),\s]|$)|[(),]/g) ?? [];
  }

  read(): Signature {
    const first = this.#next();
    // A name that begins with a type's: `ip::isCanonical`.
    if (first.includes("::")) return this.#rest(first.replace("::", "."), undefined);
    const dot = /^([a-z]+)\.([a-zA-Z]\w*)$/.exec(first);
    if (dot !== null && receivers.has(dot[1] ?? "")) {
      return this.#rest(dot[2] ?? "", [this.#named(dot[1] ?? "")]);
    }
    if (first === "list" || first === "map" || first === "optional") {
      const receiver = this.#type(first);
      return this.#rest(this.#next().slice(1), [receiver]);
    }
    return this.#rest(first, undefined);
  }

  #rest(name: string, receiver: readonly CelType[] | undefined): Signature {
    const params = [...(receiver ?? []), ...this.#list()];
    return { name, member: receiver !== undefined, params, result: this.#type(this.#next()) };
  }

  #next(): string {
    return this.#words[this.#at++] ?? "";
  }

  #list(): CelType[] {
    const types: CelType[] = [];
    this.#next();
    while (this.#words[this.#at] !== ")") {
      if (this.#words[this.#at] === ",") this.#at++;
      types.push(this.#type(this.#next()));
    }
    this.#at++;
    return types;
  }

  #type(word: string): CelType {
    if (this.#words[this.#at] !== "(" || !["list", "map", "optional", "type"].includes(word))
      return this.#named(word);
    return { kind: word, args: this.#list() };
  }

  #named(word: string): CelType {
    return /^[A-Z]$/.test(word) ? param(word) : simple(word);
  }
}

const receivers = new Set([
  ...["string", "bytes", "int", "uint", "double", "timestamp", "duration", "dyn"],
  ...["url", "quantity", "ip", "cidr", "format", "semver"],
  ...["authorizer", "pathcheck", "groupcheck", "resourcecheck", "decision"],
]);
