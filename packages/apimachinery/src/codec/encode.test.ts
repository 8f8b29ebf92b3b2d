import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtobufField, ProtobufMessage } from "../kind-definition.ts";
import { encodeEnvelope, encodeEvents, encodeItems, encodeProtobuf, envelopeAround } from "./encode.ts";
import { decodeEnvelope, decodeProtobuf } from "./protobuf.ts";

const one = (type: ProtobufField["type"], more: Partial<ProtobufField> = {}): ProtobufMessage => ({
  1: { name: "a", type, ...more },
});
const part: ProtobufMessage = {
  1: { name: "name", type: "string" },
  2: { name: "on", type: "bool", pointer: true },
};
const orFlag: ProtobufMessage = {
  1: { name: "allows", type: "bool", needed: true },
  2: { name: "part", type: "message", message: part, pointer: true },
};
const orList: ProtobufMessage = {
  1: { name: "part", type: "message", message: part, pointer: true },
  2: { name: "parts", type: "message", message: part, repeated: true },
};

describe("an object in protobuf", () => {
  const rows: readonly (readonly [what: string, table: ProtobufMessage, object: object, hex: string])[] = [
    ["a text", one("string"), { a: "é" }, "0a02c3a9"],
    ["the zero of a text", one("string"), {}, "0a00"],
    ["a pointer to nothing", one("string", { pointer: true }), {}, ""],
    ["a pointer to a zero", one("int32", { pointer: true }), { a: 0 }, "0800"],
    ["null", one("message", { message: part, pointer: true }), { a: null }, ""],
    ["a number below zero", one("int64"), { a: -1 }, "08ffffffffffffffffff01"],
    ["the largest number", one("int64"), { a: Number.MAX_SAFE_INTEGER }, "08ffffffffffffff0f"],
    ["a fraction", one("double"), { a: 0.5 }, "09000000000000e03f"],
    ["bytes", one("bytes"), { a: "aGk=" }, "0a026869"],
    ["no bytes", one("bytes"), {}, ""],
    ["a time", one("time"), { a: "2025-03-19T18:52:48Z" }, "0a080880a5ecbe061000"],
    ["the zero time", one("time"), {}, "0a00"],
    ["a time to the microsecond", one("microtime"), { a: "1970-01-01T00:00:01.000002Z" }, "0a05080110d00f"],
    ["a length of time", one("duration"), { a: "1m0s" }, "0a070880b09dc2df01"],
    ["an amount", one("quantity"), { a: "1" }, "0a030a0131"],
    ["no amount", one("quantity"), {}, "0a030a0130"],
    ["a port by number", one("int-or-string"), { a: 80 }, "0a06080010501a00"],
    ["a port by name", one("int-or-string"), { a: "b" }, "0a07080110001a0162"],
    ["JSON", one("raw-extension"), { a: { b: 1 } }, "0a090a077b2262223a317d"],
    ["a list", one("int64", { repeated: true }), { a: [1, 2] }, "08010802"],
    [
      "a map by its keys",
      one("map", { values: "string" }),
      { a: { c: "", b: "x" } },
      "0a060a01621201780a050a01631200",
    ],
    ["a map of lists", one("map", { values: "texts" }), { a: { b: ["c"] } }, "0a080a016212030a0163"],
    ["a message of zeros", one("message", { message: part }), {}, "0a020a00"],
    ["a part of its own", one("message", { message: part, embedded: true }), { name: "x" }, "0a030a0178"],
    ["a flag of two", one("message", { message: orFlag, choice: true }), { a: false }, "0a020800"],
    ["an object of two", one("message", { message: orFlag, choice: true }), { a: {} }, "0a06080112020a00"],
    ["a list of two", one("message", { message: orList, choice: true }), { a: [{}] }, "0a0412020a00"],
  ];
  for (const [what, table, object, hex] of rows) {
    it(`has ${what} as ${hex}`, () => assert.equal(encodeProtobuf(table, object).toHex(), hex));
  }

  it("is read again as it was, however long its texts are", () => {
    for (const length of [0, 1, 47, 48, 49, 127, 128, 20_000]) {
      for (const letter of ["x", "é", "漢", "😀"]) {
        const object = { a: letter.repeat(length) };
        const table = one("string", { needed: true });
        assert.deepEqual(decodeProtobuf(table, encodeProtobuf(table, object)), object);
      }
    }
  });

  it("is the same in one piece and in parts", () => {
    const type = { apiVersion: "v1", kind: "List" };
    const table: ProtobufMessage = { 2: { name: "items", type: "message", message: part, repeated: true } };
    const items = Array.from({ length: 300 }, (_, index) => ({ name: `part ${index}`, on: index % 2 === 0 }));
    const whole = encodeEnvelope(type, table, { items });
    const parts = [items.slice(0, 100), items.slice(100)].map((some) => encodeItems(2, part, some));
    const { head, tail } = envelopeAround(
      type,
      parts.reduce((sum, { length }) => sum + length, 0),
    );
    assert.equal(Buffer.concat([head, ...parts, tail]).toString("hex"), whole.toHex());
    const { raw, kind } = decodeEnvelope(whole);
    assert.deepEqual([kind, decodeProtobuf(table, raw)], ["List", { items }]);
  });

  it("is in an event as its whole body, made before or not", () => {
    const object = { apiVersion: "v1", kind: "Part", name: "a part", on: true };
    const whole = encodeEnvelope(object, part, object);
    const frame = (type: string): Uint8Array => {
      const within = [
        0x0a,
        type.length,
        ...Buffer.from(type),
        0x12,
        whole.length + 2,
        0x0a,
        whole.length,
        ...whole,
      ];
      return Uint8Array.from([0, 0, 0, within.length, ...within]);
    };
    const events = encodeEvents([
      { type: "ADDED", body: whole },
      { type: "DELETED", body: { message: part, object } },
    ]);
    assert.equal(events.toHex(), Buffer.concat([frame("ADDED"), frame("DELETED")]).toString("hex"));
  });

  it("is not written of what is none", () => {
    assert.throws(() => encodeProtobuf(one("time"), { a: "soon" }), { name: "ProtobufError" });
    assert.throws(() => encodeProtobuf(one("duration"), { a: "long" }), { name: "ProtobufError" });
  });
});
