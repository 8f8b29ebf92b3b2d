import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProtobufMessage } from "../kind-definition.ts";
import { decodeProtobuf } from "./protobuf.ts";

const part: ProtobufMessage = { 1: { name: "name", type: "string" } };
const whole: ProtobufMessage = {
  1: { name: "spec", type: "message", message: part },
  2: { name: "parts", type: "message", message: part, repeated: true },
  3: { name: "own", type: "message", message: part, embedded: true },
  4: { name: "byName", type: "map", message: part },
  5: { name: "times", type: "map", values: "time" },
};

describe("a protobuf message", () => {
  const rows: readonly (readonly [hex: string, value: object, skipped: readonly string[]])[] = [
    ["0a030a0161", { spec: { name: "a" } }, []],
    ["0a050a01611001", { spec: { name: "a" } }, ["spec.2"]],
    ["12021001 12021801", { parts: [{}, {}] }, ["parts.2", "parts.3"]],
    ["1a021001", {}, ["2"]],
    ["2207 0a0161 12021001", { byName: { a: {} } }, ["byName.2"]],
    ["2a05 0a0161 1200", { times: { a: null } }, []],
    ["3001", {}, ["6"]],
  ];
  for (const [hex, value, skipped] of rows) {
    it(`is ${JSON.stringify(value)} of ${hex}, and names what was skipped`, () => {
      const lost: string[] = [];
      assert.deepEqual(decodeProtobuf(whole, Uint8Array.fromHex(hex.replaceAll(" ", "")), lost), value);
      assert.deepEqual(lost, skipped);
    });
  }
});
