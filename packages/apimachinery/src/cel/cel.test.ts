import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldErrorText } from "../field-error.ts";
import type { Schema } from "../schema.ts";
import { CompileError } from "./ast.ts";
import { check } from "./checker.ts";
import { printValue } from "./conversions.ts";
import { declaredType } from "./declared-type.ts";
import { estimateCost } from "./estimate.ts";
import { evaluate } from "./evaluate.ts";
import { jsonValue } from "./json-values.ts";
import { parse } from "./parser.ts";
import { ruleFaults } from "./rules.ts";
import { isMapValue, OpaqueValue, OptionalValue, TypeValue, UintValue } from "./values.ts";

const schema: Schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 10 },
    count: { type: "integer" },
    ratio: { type: "number" },
    port: { "x-kubernetes-int-or-string": true },
    when: { type: "string", format: "date-time" },
    grace: { type: "string", format: "duration" },
    tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" }, maxItems: 5 },
    parts: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" }, size: { type: "integer" } } },
    },
    labels: { type: "object", additionalProperties: { type: "string" } },
    "dash-ed": { type: "boolean" },
    namespace: { type: "string" },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};
const object = {
  ...{ name: "web", count: 3, ratio: 0.5, port: "http", when: "2024-02-29T12:30:00Z", grace: "1h30m" },
  ...{ tags: ["a", "b"], labels: { app: "x", "a/b": "y" }, "dash-ed": true, free: { any: 1 } },
  namespace: "shop",
  parts: [
    { name: "one", size: 1 },
    { name: "two", size: 2 },
  ],
};
const type = declaredType(schema, false)?.type;

function compile(source: string): ReturnType<typeof check> {
  assert.ok(type);
  return check(source, parse(source), new Map([["self", type]]));
}

function run(source: string): unknown {
  const self = jsonValue(schema, object, false);
  return plain(evaluate(compile(source), (name) => (name === "self" ? self : undefined), 1_000_000).value);
}

/** Values as a row of a table can say them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof UintValue) return `${value.value}u`;
  if (value instanceof OptionalValue) return value.present ? { some: plain(value.value) } : "none";
  if (value instanceof TypeValue) return value.name;
  if (value instanceof OpaqueValue) return value.type;
  if (Array.isArray(value)) return Array.from(value, plain);
  if (isMapValue(value))
    return Object.fromEntries(value.keys().map((key) => [String(key), plain(value.get(key))]));
  return typeof value === "object" && value !== null ? printValue(value) : value;
}

const rows: readonly (readonly [source: string, value: unknown])[] = [
  ["1 + 2 * 3 - 8 / 4 % 3", 5],
  ["-self.count == -3 && !(1 > 2)", true],
  ["1u + 2u", "3u"],
  ["(self.count == 3 ? null : self.count == 4 ? null : dyn({'a': 1})) == null", true],
  ["(self.count == 4 ? null : dyn({'a': 1})).a + (false ? 1 : dyn(2))", 3],
  ["(self.count == 4 ? null : duration('1s')).getSeconds()", 1],
  ["optional.none().or(optional.of(1)).or(optional.of(dyn('a'))).value() + 1", 2],
  ["dyn(1) == 1.0 && 2 > 1.5 && 3u >= 3", true],
  ["'a' < 'b' && \"\\u00fc\" == 'ü'", true],
  ["r'a\\b' + '\\x41\\n'", "a\\bA\n"],
  ["b'ab'.size()", 2],
  ["[1, 2] + [3]", [1, 2, 3]],
  ["{'a': 1, 'b': 2}['b']", 2],
  ["2 in [1, 2] && 'app' in self.labels", true],
  ["true || self.labels['gone'] == ''", true],
  ["self.labels['gone'] == '' || true", true],
  ["self.count > 2 ? 'many' : 'few'", "many"],
  ["has(self.name) && !has(self.labels.gone)", true],
  ["self.dash__dash__ed", true],
  ["has(self.namespace) && self.namespace == 'shop' && self.__namespace__ == 'shop'", true],
  ["self.parts.all(p, p.size > 0) && self.parts.exists(p, p.name == 'two')", true],
  ["self.parts.exists_one(p, p.size == 2)", true],
  ["self.parts.map(p, p.name) + self.parts.filter(p, p.size > 1).map(p, p.name)", ["one", "two", "two"]],
  ["self.parts.map(p, p.size > 1, p.size * 10)", [20]],
  ["self.labels.map(k, k)", ["app", "a/b"]],
  [
    "[1, 2].map(a, [3, 4].map(b, a * b) + [a])",
    [
      [3, 4, 1],
      [6, 8, 2],
    ],
  ],
  ["[[1], [2]].map(a, (a + [3]).map(b, b)) + [[1], [2]].filter(a, a + [3] == [1, 3])", [[1, 3], [2, 3], [1]]],
  ["[1, 2].all(i, v, i < v) && {'a': 1}.exists(k, v, k == 'a' && v == 1)", true],
  ["['x', 'y'].transformList(i, v, v + string(i))", ["x0", "y1"]],
  ["['x', 'y'].transformMap(i, v, v)", { 0: "x", 1: "y" }],
  ["{'a': 1}.transformMapEntry(k, v, {string(v): k})", { 1: "a" }],
  ["self.labels[?'app'].orValue('z') + self.labels[?'gone'].orValue('z')", "xz"],
  ["self.labels.?gone.hasValue()", false],
  ["optional.of(3).optMap(x, x + 1)", { some: 4 }],
  ["optional.none().or(optional.of(1)).value()", 1],
  ["[?self.labels[?'gone'], 'b']", ["b"]],
  ["type(self.port) == string ? self.port : 'n'", "http"],
  ["type(1)", "int"],
  ["self.when.getFullYear() == 2024 && self.when.getDayOfYear() == 59", true],
  ["self.when + duration('1h') > timestamp('2024-02-29T13:00:00Z')", true],
  ["self.grace.getMinutes()", 90],
  ["string(duration('1.5s')) + string(1) + string(true)", "1.5s1true"],
  ["int('12') + int(3.9) + int(2u)", 17],
  ["double('1.5') + double(1)", 2.5],
  ["'Hello'.lowerAscii() + 'Hello'.upperAscii()", "helloHELLO"],
  ["'tacocat'.indexOf('c') + 'tacocat'.lastIndexOf('c')", 6],
  ["'a,b,c'.split(',', 2).join('-')", "a-b,c"],
  ["' x '.trim() + 'abcd'.substring(1, 3) + 'abc'.charAt(1) + 'aaa'.replace('a', 'b', 2)", "xbcbbba"],
  ["'%s is %d, %.2f, %x'.format([dyn('a'), 3, 1.5, 255])", "a is 3, 1.50, ff"],
  ["strings.quote('a\"b')", '"a\\"b"'],
  ["'abc123'.find('[0-9]+') + 'a1b2'.findAll('[0-9]').join()", "12312"],
  ["self.name.matches('^w.b$') && 'abc'.contains('b') && 'abc'.startsWith('a')", true],
  ["[3, 1, 2].max() + [3, 1].min() + [1, 2].sum()", 7],
  ["[1, 2, 2].isSorted() && [1, 2].indexOf(2) == 1", true],
  [
    "[1, 1, 2].distinct() + [3, 1].sort() + [[1], [2]].flatten() + [1, 2, 3].slice(0, 1)",
    [1, 2, 1, 3, 1, 2, 1],
  ],
  ["self.parts.sortBy(p, -p.size).map(p, p.name)", ["two", "one"]],
  ["lists.range(3).reverse()", [2, 1, 0]],
  ["sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])", true],
  ["self.tags == ['b', 'a'] && self.tags + ['b', 'c'] == ['a', 'b', 'c']", false],
  ["quantity('1Gi').isGreaterThan(quantity('1G')) && isQuantity('1m') && !isQuantity('x')", true],
  ["quantity('500m').add(quantity('500m')) == quantity('1') && quantity('2').asInteger() == 2", true],
  ["ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && !isIP('1.2.3')", true],
  ["ip.isCanonical('::1') && string(ip('2001:db8:0:0::1')) == '2001:db8::1'", true],
  ["cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", true],
  ["cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8", true],
  ["url('https://a.b:80/c?x=1').getPort() + url('https://a.b:80/c?x=1').getQuery()['x'][0]", "801"],
  ["isURL('/path') && !isURL('nope') && url('https://[::1]:80').getHostname() == '::1'", true],
  ["semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).minor() == 2", true],
  ["semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1 && !isSemver('1.0')", true],
  ["format.dns1123Label().validate('ok').hasValue()", false],
  ["format.named('dns1123Label').value().validate('NO').value().size()", 1],
];

describe("an expression", () => {
  for (const [source, value] of rows) {
    it(source, () => assert.deepEqual(run(source), value));
  }

  const failures: readonly (readonly [source: string, message: string])[] = [
    ["self.labels['gone'] == ''", "no such key: gone"],
    ["[1][3] == 1", "index out of bounds: 3"],
    ["1 / (self.count - 3) == 1", "division by zero"],
    ["9223372036854775807 + self.count > 0", "integer overflow"],
    ["self.port + 1 == 2", "no such overload"],
    ["int(self.name) == 1", "type conversion error from 'string' to 'int'"],
    ["self.parts.all(p, self.labels[p.name] == '')", "no such key: one"],
  ];
  for (const [source, message] of failures) {
    it(`fails: ${source}`, () => assert.throws(() => run(source), { name: "EvaluationError", message }));
  }

  it("is stopped when it costs too much", () => {
    const many = "lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))";
    assert.throws(() => run(many), { name: "CostError" });
  });
});

describe("what is no expression", () => {
  const faults: readonly (readonly [source: string, message: string])[] = [
    ["self.gone", "ERROR: <input>:1:5: undefined field 'gone'\n | self.gone\n | ....^"],
    [
      "self.free.any == 1",
      "ERROR: <input>:1:10: undefined field 'any'\n | self.free.any == 1\n | .........^",
    ],
    ["other", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other\n | ^"],
    [
      "self.count + self.name",
      "ERROR: <input>:1:12: found no matching overload for '_+_' applied to '(int, string)'\n" +
        " | self.count + self.name\n | ...........^",
    ],
    [
      "self.count.startsWith('a')",
      "ERROR: <input>:1:22: found no matching overload for 'startsWith' applied to 'int.(string)'\n" +
        " | self.count.startsWith('a')\n | .....................^",
    ],
    ["foo(1)", "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')\n | foo(1)\n | ...^"],
    // Later releases of the reference implementation have these; upstream's 1.34 does not offer them.
    [
      "cel.bind(x, 1, x)",
      "ERROR: <input>:1:1: undeclared reference to 'cel' (in container '')\n | cel.bind(x, 1, x)\n | ^",
    ],
    [
      "'a'.reverse()",
      "ERROR: <input>:1:12: found no matching overload for 'reverse' applied to 'string.()'\n" +
        " | 'a'.reverse()\n | ...........^",
    ],
    ["[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"],
    [
      "self.name.x",
      "ERROR: <input>:1:10: type 'string' does not support field selection\n | self.name.x\n | .........^",
    ],
    [
      "self.count.all(x, true)",
      "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or " +
        "dynamic)\n | self.count.all(x, true)\n | ....^",
    ],
    [
      "'a'.matches('[')",
      "ERROR: <input>:1:13: invalid matches argument\n | 'a'.matches('[')\n | ............^",
    ],
    ["1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>'"],
  ];
  for (const [source, message] of faults) {
    it(source, () =>
      assert.throws(
        () => compile(source),
        (error) =>
          error instanceof CompileError &&
          (assert.ok(error.message.startsWith(message), error.message), true),
      ),
    );
  }
});

/** As upstream's compiler says of this schema; Infinity: beyond what anything may cost. */
const costs: readonly (readonly [source: string, cost: number])[] = [
  ["self.count > 1", 3],
  ["self.count == 1", 2],
  ["self.name == 'web'", 3],
  ["self.name.split('/')[0] == 'x'", 11],
  ["self.name.split('/').all(p, p.size() < 3)", 251],
  ["self.parts.all(p, p.name.matches('a+b'))", 329858626353],
  ["self.parts.exists(p, has(p.size) && p.size == 1)", 7340028],
  ["self.parts[0].name == self.name", 10],
  ["self.labels.all(k, self.labels[k] != '')", 2752508],
  ["self.labels['a'].startsWith(self.name)", 9],
  ["(has(self.name) ? self.name : 'none').contains('x')", 7],
  ["[self.name, 'abc'].exists(n, n.matches('^a'))", 25],
  ["self.tags.map(t, t + 'x').exists(t, t == self.name)", 1572979],
  ["self.tags.filter(t, t != '').size() > 0", 85],
  ["quantity(self.name) == quantity('1')", 8],
  ["quantity(self.name).compareTo(quantity('1')) > 0", 9],
  ["isURL(self.name)", 3],
  ["url(self.name).getHost() == 'a'", 8],
  ["sets.contains(self.tags, ['a'])", 18],
  ["sets.equivalent(self.tags, ['a','b'])", 33],
  ["self.tags.join(',').size() < 5", 1572868],
  ["self.tags.indexOf('a') < 2", 1572873],
  ["self.?name.orValue('').matches('a')", Infinity],
  ["dyn(self.name) == 'x'", 4],
  ["self.port == 'http'", 3],
  ["type(self.port) == int", 4],
  ["cidr('10.0.0.0/8').containsIP(self.name)", 11],
  ["format.dns1123Label().validate(self.name.split('/')[0]).hasValue()", 13],
  ["self.name.replace('a','bb').size() < 9", 12],
  ["self.when < timestamp('2024-01-01T00:00:00Z')", 4],
  ["self.grace == duration('1h')", 4],
  ["self.?parts[0].?name.optMap(n, n + n).orValue('') == ''", Infinity],
  ["self.name in ['a','b']", 14],
  ["self.name in self.labels", 5],
  ["self.parts.map(p, p.name).join('/').matches('a')", Infinity],
  ["string(self.count) == self.name", 9],
  ["self.tags.all(t, self.tags.exists_one(u, u == t))", 7864463],
  ["self == self", 2],
  ["self.parts.all(p, self.parts.exists(q, q.name == p.name))", Infinity],
];

describe("what an expression can cost", () => {
  for (const [source, wanted] of costs) {
    it(source, () => {
      const cost = estimateCost(compile(source), type);
      assert.equal(cost > 1e15 ? Infinity : cost, wanted);
    });
  }
});

const broken: readonly (readonly [schema: Schema, value: unknown, said: string])[] = [
  [{ type: "string" }, "a", 'spec: Invalid value: "string": failed rule: false'],
  [{ type: "array", items: { type: "string" } }, ["a"], 'spec: Invalid value: "array": failed rule: false'],
  [
    { type: "object", properties: { a: { type: "string" } } },
    { a: "b" },
    'spec: Invalid value: "object": failed rule: false',
  ],
];

describe("a rule that does not hold", () => {
  for (const [spec, value, said] of broken)
    it(`names the type of what it is about: ${spec.type}`, () => {
      const whole: Schema = {
        ...{ type: "object" },
        properties: { spec: { ...spec, "x-kubernetes-validations": [{ rule: "false" }] } },
      };
      assert.deepEqual(ruleFaults(whole, { spec: value }, undefined).map(fieldErrorText), [said]);
    });
});
