import assert from "node:assert/strict";
import { test } from "node:test";
import { findCompressed } from "./kernel-image.ts";

test("finds each packing by its magic and nothing in plain bytes", () => {
  const image = Uint8Array.from([0, 0x02, 0x21, 0x02, 0x21, 0x4c, 0x18, 0, 0x28, 0xb5, 0x2f, 0xfd]);
  assert.deepEqual(
    findCompressed(image).map(({ command, offset }) => [command, offset]),
    [
      ["lz4", 3],
      ["zstd", 8],
    ],
  );
  assert.deepEqual(findCompressed(new Uint8Array(64)), []);
});
