import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LogBuffer, plain } from "./log-buffer.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a log's buffer", () => {
  it("makes lines of what comes in pieces, letters cut in two included", () => {
    const buffer = new LogBuffer();
    const whole = bytes("one\nzw\u00f6lf\nlast");
    for (const byte of whole) buffer.push(Uint8Array.of(byte));
    assert.deepEqual(buffer.take(), { added: ["one", "zw\u00f6lf"], dropped: 0 });
    buffer.end();
    assert.deepEqual(buffer.take(), { added: ["last"], dropped: 0 });
  });

  it("keeps the newest lines, and says how many of those shown go", () => {
    const buffer = new LogBuffer();
    const lines = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, at) => `${from + at}\n`).join("");
    buffer.push(bytes(lines(0, 3000)));
    assert.equal(buffer.take().added.length, 3000);
    buffer.push(bytes(lines(3000, 6000)));
    const change = buffer.take();
    assert.deepEqual([change.added.length, change.dropped, buffer.lost], [3000, 1000, 1000]);
  });

  it("forgets what came and went between two looks", () => {
    const buffer = new LogBuffer();
    buffer.push(bytes("x\n".repeat(12_000)));
    const { added, dropped } = buffer.take();
    assert.deepEqual([added.length, dropped, buffer.lost], [5000, 0, 7000]);
  });

  it("is bounded in letters and in the length of a line", () => {
    const buffer = new LogBuffer();
    buffer.push(bytes("y".repeat(40_000)));
    assert.deepEqual(
      buffer.take().added.map(({ length }) => length),
      [16_384, 16_384],
    );
    buffer.push(bytes(`${"z".repeat(16_000)}\n`.repeat(200)));
    assert.ok(buffer.lost >= 70, `${buffer.lost}`);
  });

  for (const [what, line, shown] of [
    ["colours", "\u001b[1;31mred\u001b[0m", "red"],
    ["a title", "\u001b]0;title\u0007text", "text"],
    ["what was written over", "10 %\r50 %\r100 %\r", "100 %"],
    ["a bell", "a\u0007b", "a\u{fffd}b"],
    ["markup as it is", "<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
    ["tabs as they are", "a\tb", "a\tb"],
  ] as const) {
    it(`shows ${what}`, () => assert.equal(plain(line), shown));
  }
});
