import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TunnelError, TunnelFrames, tunnelFrame } from "./tunnel-frames.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

describe("messages of a tunnel", () => {
  it("to a box begin with four digits that it reads as a number of 16 bits, with a sign", () => {
    const digits = [0, 1, 0x7fff, 0x8000].map((number) => Buffer.from(tunnelFrame(number, bytes("x"))));
    assert.deepEqual(digits.map(String), ["0000x", "0001x", "7fffx", "0000x"]);
  });

  it("from a box are numbered from 0, in more than four digits when it takes them", () => {
    const frames = new TunnelFrames();
    for (let number = 0; number < 0x10000; number++)
      frames.read(bytes(`${number.toString(16).padStart(4, "0")}x`));
    // Four digits and a fifth that is data would be something else.
    assert.equal(Buffer.from(frames.read(bytes("100000.nop;"))).toString(), "0.nop;");
    assert.equal(Buffer.from(frames.read(bytes("10001rest"))).toString(), "rest");
  });

  for (const [what, frame] of [
    ["nothing", ""],
    ["too few digits", "000"],
    ["no digits", "zzzzdata"],
    ["another number than the one to come", "0001data"],
    ["digits that are larger", "000Gdata"],
    ["no data", "0000"],
  ] as const)
    it(`from a box are refused with ${what}`, () =>
      assert.throws(() => new TunnelFrames().read(bytes(frame)), TunnelError));
});
