import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { it } from "node:test";
import { orderModules } from "./kernel-modules.ts";

it("modules come after those they need, each once, and what is built in is none", () => {
  const root = mkdtempSync(join(tmpdir(), "selvedge-modules-"));
  try {
    mkdirSync(join(root, "kernel/fs"), { recursive: true });
    for (const [name, needs] of [
      ["fs/over-lay", "mid,built_in"],
      ["mid", "low"],
      ["low", ""],
      ["other", "low"],
    ])
      writeFileSync(join(root, "kernel", `${name}.ko`), `\0license=GPL\0depends=${needs}\0name=x\0`);
    const found = orderModules(root, ["over_lay", "other", "nothing"]).map((path) => basename(path));
    assert.deepEqual(found, ["low.ko", "mid.ko", "over-lay.ko", "other.ko"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
