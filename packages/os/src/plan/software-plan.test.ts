import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { isLibrary, isSoftware, type LockRows, planSoftware } from "./software-plan.ts";

const rows: LockRows = {
  "packages/engine": { dependencies: { "@selvedge/base": "0.1.0", ws: "1", tar: "1" } },
  "packages/base": { dependencies: {} },
  "packages/cli": { dependencies: { yaml: "1" } },
  "node_modules/@selvedge/base": { link: true, resolved: "packages/base" },
  "node_modules/ws": {},
  "node_modules/fast": {},
  "node_modules/tar": { dependencies: { fast: "2" } },
  "node_modules/tar/node_modules/fast": { dependencies: { ws: "1" } },
  "node_modules/yaml": {},
};

describe("planSoftware", () => {
  it("follows what is needed, nearest first, and leaves the rest", () => {
    assert.deepEqual(planSoftware(rows, "packages/engine"), {
      packages: ["packages/base", "packages/engine"],
      libraries: ["node_modules/tar", "node_modules/tar/node_modules/fast", "node_modules/ws"],
      links: [{ path: "node_modules/@selvedge/base", target: "packages/base" }],
    });
  });

  it("names what the lock lacks", () => {
    const broken = { "packages/engine": { dependencies: { gone: "1" } } };
    assert.throws(() => planSoftware(broken, "packages/engine"), /gone, which packages\/engine needs/);
    assert.throws(() => planSoftware({}, "packages/engine"), /no packages\/engine; run npm install/);
  });

  it("finds the engine of this checkout, without the controller and what tests need", () => {
    const root = new URL("../../../../", import.meta.url);
    const lock = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8"));
    const plan = planSoftware(lock.packages, "packages/engine");
    assert.deepEqual(
      plan.packages,
      ["base", "engine", "eve-api", "reconcile"].map((name) => `packages/${name}`),
    );
    assert.ok(plan.libraries.includes("node_modules/ws"));
    assert.ok(!plan.libraries.includes("node_modules/typescript"));
    assert.ok(
      !plan.libraries.includes("node_modules/cpu-features"),
      "ssh2 likes it, where it could be built",
    );
    for (const path of plan.libraries) assert.ok(existsSync(new URL(path, root)), path);
  });
});

const files: readonly (readonly [string, boolean, boolean])[] = [
  // path, of a package of ours, of a library
  ["package.json", true, true],
  ["src/main.ts", true, false],
  ["src/control/translate.test.ts", false, false],
  ["test/engine-world.ts", false, false],
  ["testdata/a.json", false, true],
  ["lib/index.js", false, true],
  ["lib/index.js.map", false, false],
  ["README.md", false, false],
  ["dist/esm/index.d.ts", false, false],
  ["test/index.js", false, false],
];
for (const [path, ours, theirs] of files)
  it(`${path} is ${ours ? "" : "not "}software of ours, ${theirs ? "" : "not "}of a library`, () => {
    assert.deepEqual([isSoftware(path), isLibrary(path)], [ours, theirs]);
  });
