import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtobufMessage } from "../kind-definition.ts";
import { deleteOptionsMessage, objectMetaMessage } from "./meta-messages.ts";
import { decodeEnvelope, decodeProtobuf } from "./protobuf.ts";
import { formatYaml, parseJsonBody, parseJsonOrYaml, parseYamlBody } from "./text-body.ts";

function hex(...parts: string[]): Uint8Array {
  return Uint8Array.fromHex(parts.join("").replaceAll(" ", ""));
}

describe("protobuf", () => {
  it("reads an envelope as kubectl sends it", () => {
    const body = hex("6b387300 0a0c 0a027631 1206 4e6f64654142 1202 0a00 1a00 2200");
    const { apiVersion, kind, raw, contentType } = decodeEnvelope(body);
    assert.deepEqual([apiVersion, kind, [...raw], contentType], ["v1", "NodeAB", [10, 0], ""]);
    assert.throws(() => decodeEnvelope(hex("7b7d")), /prefix/);
  });

  it("drops the zeros Go writes for what nobody said, and keeps those of pointers", () => {
    const meta = hex("0a0161 1200 1a00 3200 3800 4200 5000 5a06 0a0161 120162 5a03 0a0163");
    assert.deepEqual(decodeProtobuf(objectMetaMessage, meta), {
      name: "a",
      deletionGracePeriodSeconds: 0,
      labels: { a: "b", c: "" },
    });
    assert.deepEqual(decodeProtobuf(deleteOptionsMessage, hex("0800 1203 0a0161 2203 466f6f 2a03 416c6c")), {
      gracePeriodSeconds: 0,
      preconditions: { uid: "a" },
      propagationPolicy: "Foo",
      dryRun: ["All"],
    });
  });

  const rows: readonly (readonly [ProtobufMessage, string, unknown])[] = [
    [{ 1: { name: "at", type: "time" } }, "0a06 0880a5ecbe06", { at: "2025-03-19T18:52:48Z" }],
    [{ 1: { name: "at", type: "time" } }, "0a00", {}],
    [{ 1: { name: "port", type: "int-or-string" } }, "0a06 0800 1050 1a00", { port: 80 }],
    [{ 1: { name: "port", type: "int-or-string" } }, "0a07 0801 1000 1a0161", { port: "a" }],
    [{ 1: { name: "n", type: "int32", repeated: true } }, "0801 0802", { n: [1, 2] }],
    [{ 1: { name: "n", type: "int32", repeated: true } }, "0a020102", { n: [1, 2] }],
    [{ 1: { name: "n", type: "int64", pointer: true } }, "08ffffffffffffffffff01", { n: -1 }],
    [{ 1: { name: "b", type: "bytes" } }, "0a026869", { b: "aGk=" }],
    [
      { 1: { name: "q", type: "map", values: "quantity" } },
      "0a0a 0a03637075 12030a0131",
      { q: { cpu: "1" } },
    ],
  ];
  const source: ProtobufMessage = { 1: { name: "path", type: "string" } };
  const volume: ProtobufMessage = {
    1: { name: "name", type: "string" },
    2: { name: "source", type: "message", message: source, embedded: true },
  };
  it("makes the members of an embedded message the parent's own", () => {
    assert.deepEqual(decodeProtobuf(volume, hex("0a0161 1203 0a0162")), { name: "a", path: "b" });
    assert.deepEqual(decodeProtobuf(volume, hex("0a0161 1200")), { name: "a" });
  });

  for (const [message, bytes, value] of rows) {
    it(`reads ${bytes} as ${JSON.stringify(value)}`, () => {
      assert.deepEqual(decodeProtobuf(message, hex(bytes)), value);
    });
  }

  it("refuses what is cut, too long or loops", () => {
    const text: ProtobufMessage = { 1: { name: "t", type: "string" } };
    assert.throws(() => decodeProtobuf(text, hex("0a05 61")), /longer|early/);
    assert.throws(() => decodeProtobuf(text, hex("0801")), /wire type/);
    assert.throws(() => decodeProtobuf(text, hex("0a01ff")), /UTF-8/);
    assert.throws(() => decodeProtobuf(text, hex("ffffffffffffffffffffff")), /ten bytes/);
    const knot: ProtobufMessage = { 1: { name: "in", type: "message", message: () => knot } };
    let nested = new Uint8Array();
    for (let depth = 0; depth < 100; depth++) {
      nested = Uint8Array.from([
        0x0a,
        ...(nested.length < 128 ? [nested.length] : [(nested.length & 127) | 128, nested.length >> 7]),
        ...nested,
      ]);
    }
    assert.throws(() => decodeProtobuf(knot, nested), /nest/);
  });
});

describe("text bodies", () => {
  it("name what was said twice", () => {
    const text = '{"a":1,"a":2,"spec":{"x\\"y":[{"k":"}"},{"k":1,"k":2}],"b":-1.5e3 , "b":null}}';
    const { value, duplicates } = parseJsonBody(text);
    assert.deepEqual(duplicates, ["a", 'spec[x"y][1].k', "spec.b"]);
    assert.equal((value as { a: number }).a, 2);
    assert.throws(() => parseJsonBody("{"), /JSON/);
    const once = [
      '{"a":":\\\\","b":"\\":\\\\\\"","c":[":",{}]}',
      '{"__proto__":{"a":1},"a":2}',
      '"a:b"',
      "[]",
    ];
    for (const each of once) assert.deepEqual(parseJsonBody(each).duplicates, [], each);
    assert.deepEqual(parseJsonBody('{"a\\\\":1,"b":2,"\\u0062":3}').duplicates, ["b"]);
  });

  const integers: readonly (readonly [text: string, rounded: readonly string[]])[] = [
    ['{"a":9007199254740993,"b":[-9007199254740995]}', ["9007199254740993", "-9007199254740995"]],
    ['{"a":9007199254740992,"b":1732600000000000000}', []],
    ['{"a":"9007199254740993","b":0.12345678901234567,"c":1e300}', []],
    [`{"9007199254740993":1,"a":1${"0".repeat(200)}}`, []],
  ];
  for (const [text, rounded] of integers)
    it(`tell of integers that are not held: ${text}`, () => {
      assert.deepEqual(parseJsonBody(text).rounded, rounded);
      assert.deepEqual(parseYamlBody(text).rounded, rounded);
    });

  type Held = readonly [text: string, value: unknown, shown?: string, rounded?: readonly string[]];
  const whole: readonly Held[] = [
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
    ["9223372036854775808", 2 ** 63, "9223372036854776000"],
    ["18446744073709551615", 2 ** 64, "18446744073709552000", ["18446744073709551615"]],
    ["1000000000000000000.0", 1e18, "1000000000000000000"],
    ["1.0", 1, "1"],
    ["1e3", 1000, "1000"],
  ];
  for (const [text, value, shown = text, rounded = []] of whole)
    it(`hold integers of 64 bits where they may: ${text}`, () => {
      for (const body of [`{"list":[ ${text}],"bound":${text}}`, `{"bound":${text},\n"list":[${text}]}`]) {
        const keeps = (member: string): boolean => member !== "bound";
        for (const parse of [parseJsonBody, parseYamlBody, parseJsonOrYaml]) {
          const parsed = parse(body, keeps);
          assert.deepEqual(parsed.value, { list: [value], bound: Number(text) });
          assert.equal(JSON.stringify((parsed.value as { list: unknown }).list), `[${shown}]`);
          assert.deepEqual(parse(body, () => true).rounded, [...rounded, ...rounded]);
        }
      }
    });

  const yaml: readonly (readonly [text: string, value: unknown])[] = [
    ["a: 0x20000000000001", { a: 9007199254740993n }],
    ["a: 9_007_199_254_740_993", { a: 9007199254740993n }],
    [
      "a: &n 9007199254740993\nb: *n\nc: [7, 0x10]",
      { a: 9007199254740993n, b: 9007199254740993n, c: [7, 16] },
    ],
    ["9007199254740993: 1", { "9007199254740993": 1 }],
    [`a: 1${"0".repeat(60)}\nb: 9007199254740993`, { a: 1e60, b: 9007199254740993n }],
  ];
  for (const [text, value] of yaml)
    it(`hold integers of YAML: ${text.slice(0, 30)}`, () => {
      const parsed = parseYamlBody(text, () => true).value;
      assert.deepEqual(parsed, value);
      assert.deepEqual(parseYamlBody(formatYaml(parsed), () => true).value, value);
    });

  const endless: readonly (readonly [text: string, said: RegExp])[] = [
    ['{"a":[1e400]}', /cannot unmarshal number 1e400 into Go value of type float64/],
    [`{"a":-1${"0".repeat(400)}}`, /cannot unmarshal number -10+ into/],
    ["a: .inf", /unsupported value: \+Inf/],
    ["a: [-.Inf]", /unsupported value: -Inf/],
    ["a: .NaN", /unsupported value: NaN/],
    ["a: 1e+999", /unsupported value: \+Inf/],
  ];
  for (const [text, said] of endless)
    it(`refuse numbers that would become nothing: ${text.slice(0, 20)}`, () => {
      assert.throws(() => (text.startsWith("{") ? parseJsonBody : parseYamlBody)(text), said);
    });

  it("keep what only looks like such a number", () => {
    const text = '{"a":1e308,"b":"1e400 .inf","c":1e-400}';
    const value = { a: 1e308, b: "1e400 .inf", c: 0 };
    assert.deepEqual([parseJsonBody(text).value, parseYamlBody(text).value], [value, value]);
  });

  it("refuse what nests deeper than can be followed", () => {
    for (const depth of [300, 10_000]) {
      assert.throws(() => parseJsonBody("[".repeat(depth) + "]".repeat(depth)), { name: "BodyError" });
      assert.throws(() => parseYamlBody("[".repeat(depth) + "]".repeat(depth)), { name: "BodyError" });
    }
    parseJsonBody("[".repeat(100) + "]".repeat(100));
  });

  it("refuse more YAML than can be read in time", () => {
    assert.throws(() => parseYamlBody("a: b\n".repeat(300_000)), /send JSON/);
  });

  it("refuse aliases that multiply", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let n = 1; n < 10; n++)
      lines.push(
        `a${n}: &a${n} [${Array(9)
          .fill(`*a${n - 1}`)
          .join()}]`,
      );
    assert.throws(() => parseYamlBody(lines.join("\n")), { name: "BodyError" });
  });

  it("read YAML as Go does", () => {
    const { value, duplicates } = parseYamlBody("a: yes\nb: 010\nc: 1\nc: 2\n");
    assert.deepEqual(value, { a: true, b: 8, c: 2 });
    assert.deepEqual(duplicates, ["c"]);
    assert.throws(() => parseYamlBody("a: [1"), /./);
  });
});
