import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFields, encodeFrame, FrameReader, message } from "./frames.ts";

const nonce = new TextEncoder().encode("n1");
const hello = { type: message.hello, stream: 0, body: nonce };
const data = { type: message.data, stream: 7, body: Uint8Array.of(1, 65) };

test("frames survive any cut, and what an earlier host left is skipped", () => {
  const bytes = [9, 9, 9, ...encodeFrame(hello), ...encodeFrame(data), ...encodeFrame(data)];
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new FrameReader(nonce);
    const frames = [
      ...reader.push(Uint8Array.from(bytes.slice(0, cut))),
      ...reader.push(Uint8Array.from(bytes.slice(cut))),
    ];
    assert.deepEqual(frames, [hello, data, data]);
  }
});

test("a frame larger than the guest may send is refused", () => {
  const reader = new FrameReader(nonce);
  reader.push(encodeFrame(hello));
  assert.throws(() => reader.push(Uint8Array.from([0, 0, 0, 1, 6, 0, 0, 0, 0])), { name: "FrameError" });
});

test("a value with a zero byte is refused", () => {
  assert.throws(() => encodeFields([["env", "A=1\0arg=rm"]]), { name: "FrameError" });
});
