import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";

const file = `
import { describe, it } from "node:test";
describe("a suite", () => {
  it("is right", () => {});
  it("throws", () => { throw new Error("one\\n" + "more\\n".repeat(20)); });
  it("is known to fail", { todo: true }, () => { throw new Error("later"); });
});
`;

it("tells what failed and nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-test-"));
  try {
    const path = join(folder, "some.test.mjs");
    writeFileSync(path, file);
    const reporter = `--test-reporter=${join(import.meta.dirname, "failures.ts")}`;
    // A runner inside a runner reports to the outer one, unless it does not know of it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = spawnSync(process.execPath, ["--test", reporter, path], { encoding: "utf8", env });
    const [first, ...rest] = stdout.split("\n");
    assert.match(first ?? "", /^✖ throws \(.*some\.test\.mjs:5\)$/);
    assert.deepEqual(rest, [
      "    one",
      ...Array.from({ length: 11 }, () => "    more"),
      "    and 10 lines more, above",
      "",
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
