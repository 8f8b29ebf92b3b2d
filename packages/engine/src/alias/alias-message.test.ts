import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerMessage, codes, parseQuestion } from "./alias-message.ts";

const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
/** Id 1234, one question: A of Db.shop. */
const asked = bytes("1234 0100 0001 0000 0000 0000 02 4462 04 73686f70 00 0001 0001");

describe("a question about an alias", () => {
  it("is read", () => {
    const { id, name, type } = parseQuestion(asked) ?? {};
    assert.deepEqual([id, name, type], [0x1234, "db.shop", 1]);
  });

  const rows: readonly (readonly [string, Uint8Array])[] = [
    ["too short", asked.subarray(0, 11)],
    ["cut off in its name", asked.subarray(0, 16)],
    ["without its class", asked.subarray(0, -1)],
    ["an answer", bytes("1234 8100 0001 0000 0000 0000 00 0001 0001")],
    ["another kind", bytes("1234 2800 0001 0000 0000 0000 00 0001 0001")],
    ["two questions", bytes("1234 0100 0002 0000 0000 0000 00 0001 0001")],
    ["of another net", bytes("1234 0100 0001 0000 0000 0000 00 0001 0003")],
    ["a name that leads elsewhere", bytes("1234 0100 0001 0000 0000 0000 c00c 0001 0001")],
  ];
  for (const [what, message] of rows)
    it(`is dropped: ${what}`, () => assert.equal(parseQuestion(message), undefined));
});

describe("an answer about an alias", () => {
  const question = parseQuestion(asked);
  assert(question !== undefined);
  const address = { bytes: Uint8Array.of(192, 0, 2, 7), ttl: 60 };

  it("names the host, and its addresses under that name", () => {
    const answer = answerMessage(question, { code: codes.ok, target: "plc.example", addresses: [address] });
    const records = [
      "c00c 0005 0001 00000005 000d 03 706c63 07 6578616d706c65 00",
      "c025 0001 0001 0000003c 0004 c0000207",
    ];
    const head = "1234 8180 0001 0002 0000 0000 02 4462 04 73686f70 00 0001 0001";
    assert.equal(Buffer.from(answer).toString("hex"), bytes([head, ...records].join("")).toString("hex"));
  });

  it("says why there is none", () => {
    const answer = Buffer.from(answerMessage(question, { code: codes.refused }));
    assert.deepEqual([answer.readUInt16BE(2) & 15, answer.readUInt16BE(6)], [codes.refused, 0]);
  });

  it("fits what every resolver takes", () => {
    const addresses = Array.from({ length: 100 }, () => address);
    const answer = Buffer.from(answerMessage(question, { code: codes.ok, target: "plc.example", addresses }));
    assert.ok(answer.length <= 512 && answer.readUInt16BE(6) > 20, `${answer.length}`);
  });
});
