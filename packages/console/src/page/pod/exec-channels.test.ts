import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inputMessage, readMessage, sizeMessage } from "./exec-channels.ts";

const message = (channel: number, text: string): Uint8Array =>
  Uint8Array.of(channel, ...new TextEncoder().encode(text));
const failure = (causes: object[]): string =>
  JSON.stringify({ status: "Failure", message: "no", details: { causes } });

describe("the channels of exec", () => {
  const rows: readonly (readonly [string, Uint8Array, unknown])[] = [
    ["what a program says", message(1, "hi"), { is: "output", bytes: new TextEncoder().encode("hi") }],
    ["what it complains", message(2, "oh"), { is: "output", bytes: new TextEncoder().encode("oh") }],
    ["its end", message(3, '{"status":"Success"}'), { is: "ended", how: "It ended." }],
    [
      "its exit code",
      message(3, failure([{ reason: "ExitCode", message: "7" }])),
      { is: "ended", how: "It ended with exit code 7." },
    ],
    ["why it did not begin", message(3, failure([])), { is: "ended", how: "no" }],
    ["what is no Status", message(3, "gone"), { is: "ended", how: "gone" }],
    ["that a channel ended", Uint8Array.of(255, 1), { is: "nothing" }],
    ["nothing", new Uint8Array(), { is: "nothing" }],
  ];
  for (const [what, received, read] of rows) {
    it(`reads ${what}`, () => assert.deepEqual(readMessage(received), read));
  }

  it("writes what is typed and how large the screen is", () => {
    assert.deepEqual([...inputMessage("\u00e9")], [0, 0xc3, 0xa9]);
    assert.equal(new TextDecoder().decode(sizeMessage(80, 24).subarray(1)), '{"Width":80,"Height":24}');
    assert.equal(sizeMessage(80, 24)[0], 4);
  });
});
