/** What docs/conformance.md says holds a behaviour must be there, or it holds nothing. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { root } from "./sources.ts";

interface Held {
  readonly behaviour: string;
  readonly file: string;
  readonly test: string;
}

/** `| behaviour | `file` · test |` */
function rowsOf(page: string): Held[] {
  return [...page.matchAll(/^\| (.+?) \| `([^`]+)` · (.+?) \|$/gm)].map(
    ([, behaviour = "", file = "", test = ""]): Held => ({ behaviour, file, test }),
  );
}

describe("docs/conformance.md", () => {
  const page = readFileSync(join(root, "docs/conformance.md"), "utf8");
  const rows = rowsOf(page);

  it("names tests that are there", () => {
    const missing = rows.filter(({ file, test }) => {
      const path = join(root, file);
      return !existsSync(path) || !readFileSync(path, "utf8").includes(test);
    });
    assert.deepEqual(missing, []);
  });

  it("names each behaviour once, and counts them right", () => {
    const names = rows.map(({ behaviour }) => behaviour);
    assert.deepEqual(
      names.filter((name, at) => names.indexOf(name) < at),
      [],
    );
    assert.ok(names.length > 100);
    assert.match(page, new RegExp(`^## Held: ${names.length}$`, "m"));
  });
});
