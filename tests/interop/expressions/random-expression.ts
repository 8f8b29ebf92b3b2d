/** Expressions by chance, of Kubernetes' functions and of values at the edges of what they take. */
import { below, type Random } from "@selvedge/base";
import { addKubeLibrary } from "../../../packages/apimachinery/src/cel/kube-library.ts";
import { FunctionTable } from "../../../packages/apimachinery/src/cel/overloads.ts";
import { addStandard } from "../../../packages/apimachinery/src/cel/standard.ts";
import { addTextsLibrary } from "../../../packages/apimachinery/src/cel/texts-library.ts";
import { type CelType, readSignature } from "../../../packages/apimachinery/src/cel/types.ts";

type Signature = ReturnType<typeof readSignature>;

/** Written out by macros, or meant to be otherwise (recorded.test.ts says why). */
const left = new Set([
  ...["@not_strictly_false", "cel.@mapInsert", "@sortByAssociatedKeys"],
  ...["sign", "isInteger", "asInteger", "asApproximateFloat"],
]);

class Signatures extends FunctionTable {
  readonly all: Signature[] = [];

  override add(signature: string, run: (...args: readonly never[]) => unknown): void {
    const read = readSignature(signature);
    // A map can be asked for what no map of upstream's can have as a key.
    const isAnyKey = read.name === "@in" && read.params[1]?.kind === "map";
    if (!left.has(read.name) && !isAnyKey) this.all.push(read);
    super.add(signature, run);
  }
}

const table = new Signatures();
addStandard(table);
addTextsLibrary(table);
addKubeLibrary(table);

const texts = [
  ...[
    "",
    "a",
    "abc",
    "aaa",
    "é",
    "日本語",
    "😀x😀",
    " \t x\u00a0\u0085",
    "1",
    "-7",
    "+5",
    "007",
    "1.5",
    "1e3",
    "0x1p-2",
  ],
  ...[
    "true",
    "f",
    "2024-02-29T12:30:00.123456789+05:30",
    "2024-02-29",
    "1h30m",
    "-1.5s",
    "90",
    "10.0.0.1",
    "::1",
  ],
  ...[
    "fe80::1%eth0",
    "2001:DB8::1",
    "10.1.2.3/8",
    "::/0",
    "100Mi",
    "-1.5Gi",
    "1e2",
    "1E",
    "v1.2.3",
    "1.2.3-rc.1+b",
  ],
  ...[
    "https://a.b:80/p?q=1&q=2&r",
    "http://user:pw@h/%41%2F?x=%20+y",
    "/path/é",
    "mailto:a@b.c",
    "http://a b/",
  ],
  ...[
    "a,b,,c",
    "%s %d",
    "%.2f",
    "%",
    "UPPER lower",
    "dns-label",
    "-bad-",
    "example.com/name",
    'a"b\\c\n',
    "(a",
    "a*",
  ],
  ...[
    "[a-c]+",
    "(?i)ABC",
    "\\d+",
    "America/New_York",
    "02:30",
    "-08:00",
    "Nowhere/X",
    "YWI=",
    "NaN",
    "-inf",
    "İ",
  ],
];
const literals: Readonly<Record<string, readonly string[]>> = {
  int: [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "-9223372036854775808",
    "9223372036854775807",
    "9007199254740993",
    "1700000000",
  ],
  uint: ["0u", "1u", "3u", "18446744073709551615u", "9007199254740993u"],
  double: [
    "0.0",
    "-0.0",
    "1.5",
    "2.5",
    "-3.7",
    "0.1",
    "1e21",
    "1e-7",
    "1e308",
    "(0.0/0.0)",
    "(1.0/0.0)",
    "100.0",
  ],
  string: texts.map((text) => JSON.stringify(text)),
  bytes: ["b''", "b'ab'", "b'\\xff'", "b'\\000'"],
  bool: ["true", "false"],
  null: ["null"],
  timestamp: [
    "2024-02-29T12:30:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "1969-12-31T23:59:59.5Z",
  ],
  duration: ["0s", "1h30m", "-1.5s", "1ns", "2540400h", "-1ms"],
  quantity: ["0", "1Mi", "-1.5Gi", "500m", "1k", "1e3", "1Ei", "100n"],
  ip: ["10.0.0.1", "::1", "127.0.0.1", "fe80::1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "ff02::1"],
  cidr: ["10.0.0.0/8", "10.1.2.3/8", "::/0", "2001:db8::/32", "1.2.3.4/32"],
  url: [
    "https://a.b:80/p?q=1&q=2&r",
    "/path",
    "https://[::1]:80",
    "HTTP://Ab.C/%ff",
    "http://h:/x?a;b",
    "http://h/x#f",
  ],
  semver: ["1.2.3", "1.2.3-rc.1+b", "0.0.0", "1.10.0", "1.2.3-1", "1.2.3-a.b.c"],
  format: [
    "dns1123Label",
    "dns1123SubdomainPrefix",
    "dns1035Label",
    "qualifiedName",
    "labelValue",
    "uri",
    "uuid",
    "byte",
  ],
};
const made = new Set(["timestamp", "duration", "quantity", "ip", "cidr", "url", "semver"]);
const plain = ["int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration"];
const keys = ["string", "int", "bool", "uint"];
/** What is in lists, maps and optionals: upstream cannot take its own types out of an optional again. */
const held = new Set([...plain, "list", "map"]);
const lengthMax = 400;

const of = (kind: string, ...args: readonly CelType[]): CelType => ({ kind, args });
const asked: readonly CelType[] = [
  ...[...plain, ...plain, "quantity", "ip", "cidr", "semver"].map((kind) => of(kind)),
  ...[of("list", of("int")), of("list", of("string")), of("map", of("string"), of("int"))],
  ...[of("map", of("int"), of("string")), of("optional", of("int"))],
];

export function randomExpression(random: Random): string {
  for (;;) {
    const writer = new Writer(random);
    const source = writer.of(writer.pick(asked), 1 + below(random, 3));
    if (source.length <= lengthMax) return source;
  }
}

type Bound = Map<string, CelType>;

class Writer {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[below(this.#random, choices.length)] as T;
  }

  #chance(percent: number): boolean {
    return below(this.#random, 100) < percent;
  }

  of(type: CelType, depth: number): string {
    if (depth <= 0 || this.#chance(25)) return this.#literal(type, depth);
    const inner = (wanted: CelType): string => this.of(wanted, depth - 1);
    if (this.#chance(5)) return `(${inner(of("bool"))} ? ${inner(type)} : ${inner(type)})`;
    const macro = this.#chance(15) ? this.#macro(type, inner) : undefined;
    return macro ?? this.#call(type, inner) ?? this.#literal(type, depth);
  }

  #macro(type: CelType, inner: (wanted: CelType) => string): string | undefined {
    const other = of(this.pick(plain));
    const [first = other, second = other] = type.args;
    const loop = (body: string): string => `${inner(of("list", other))}.${body}`;
    switch (type.kind) {
      case "bool": {
        const name = this.pick(["all(v", "exists(v", "exists_one(v", "all(i, v", "existsOne(i, v"]);
        return loop(`${name}, v ${this.pick(["==", "!="])} ${inner(other)})`);
      }
      case "list":
        if (this.#chance(30)) return `${inner(type)}.filter(v, v != ${inner(first)})`;
        if (this.#chance(30)) return `[?${inner(of("optional", first))}, ${inner(first)}]`;
        return loop(`${this.pick(["map(v", "transformList(i, v, i < 2"])}, ${inner(first)})`);
      case "map":
        return first.kind === "int" ? loop(`transformMap(i, v, ${inner(second)})`) : undefined;
      case "optional":
        return `${inner(of("optional", other))}.optMap(o, ${inner(first)})`;
      default:
        return undefined;
    }
  }

  #call(type: CelType, inner: (wanted: CelType) => string): string | undefined {
    const fits = table.all.filter(({ result }) => binds(result, type, new Map()));
    if (fits.length === 0) return undefined;
    const name = this.pick([...new Set(fits.map((one) => one.name))]);
    const { member, params, result } = this.pick(fits.filter((one) => one.name === name));
    const bound: Bound = new Map();
    binds(result, type, bound);
    const args = params.map((param) => {
      const text = inner(this.#filled(param, bound, plain));
      return this.#chance(4) && plain.includes(param.kind) ? `dyn(${text})` : text;
    });
    // Upstream makes as long a list as it is told to.
    if (name === "lists.range") return `lists.range(${this.pick(["0", "1", "3", "-2"])})`;
    // How deep is how dear, beyond what its numbers hold.
    if (name === "flatten" && args.length === 2) args[1] = this.pick(["0", "1", "2"]);
    return written(name, member, args);
  }

  #filled(type: CelType, bound: Bound, kinds: readonly string[]): CelType {
    if (type.kind !== "param")
      return {
        ...type,
        args: type.args.map((arg, index) =>
          this.#filled(arg, bound, type.kind === "map" && index === 0 ? keys : plain),
        ),
      };
    const name = type.name ?? "";
    const known = bound.get(name) ?? of(this.pick(kinds));
    bound.set(name, known);
    return known;
  }

  #literal(type: CelType, depth: number): string {
    const [first = of("int"), second = of("int")] = type.args;
    const several = (count: number, make: () => string): string[] => Array.from({ length: count }, make);
    switch (type.kind) {
      case "list":
        return `[${several(below(this.#random, 4), () => this.of(first, depth - 1)).join(", ")}]`;
      case "map": {
        const names = new Set(several(below(this.#random, 3), () => this.#literal(first, 0)));
        return `{${[...names].map((name) => `${name}: ${this.of(second, depth - 1)}`).join(", ")}}`;
      }
      case "optional":
        return this.#chance(30) ? "optional.none()" : `optional.of(${this.of(first, depth - 1)})`;
      case "type":
      case "dyn":
        return `${type.kind}(${this.of(of(this.pick(plain)), depth - 1)})`;
      default: {
        const value = this.pick(literals[type.kind] ?? ["null"]);
        if (type.kind === "format") return `format.${value}()`;
        return made.has(type.kind) ? `${type.kind}(${JSON.stringify(value)})` : value;
      }
    }
  }
}

function binds(pattern: CelType, type: CelType, bound: Bound): boolean {
  if (pattern.kind === "param") {
    const known = bound.get(pattern.name ?? "");
    if (known === undefined) return bound.set(pattern.name ?? "", type) && held.has(type.kind);
    return JSON.stringify(known) === JSON.stringify(type);
  }
  if (pattern.kind !== type.kind || pattern.args.length !== type.args.length) return false;
  return pattern.args.every((arg, index) => binds(arg, type.args[index] as CelType, bound));
}

function written(name: string, member: boolean, args: readonly string[]): string {
  const [first = "", second = "", third = ""] = args;
  if (name === "_[_]") return `${first}[${second}]`;
  if (name === "_[?_]") return `${first}[?${second}]`;
  if (name === "_?_:_") return `(${first} ? ${second} : ${third})`;
  if (name === "!_" || name === "-_") return `${name[0]}(${first})`;
  if (name === "@in") return `(${first} in ${second})`;
  const operator = /^_(.+)_$/.exec(name)?.[1];
  if (operator !== undefined) return `(${first} ${operator} ${second})`;
  return member ? `${first}.${name}(${args.slice(1).join(", ")})` : `${name}(${args.join(", ")})`;
}
