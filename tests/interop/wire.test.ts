/** Objects of every kind served, in protobuf, JSON and YAML, as Kubernetes' own modules keep them for tests. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { wireChecks } from "@selvedge/harness";
import { fetchGoModule } from "./go-program.ts";

/** Where in which module, and how many kinds of it are served. */
const rows: readonly (readonly [module: string, folder: string, kinds: number])[] = [
  ["k8s.io/api@v0.35.0", "testdata/v1.33.0", 50],
  ["k8s.io/api@v0.35.0", "testdata/v1.34.0", 50],
  ["k8s.io/api@v0.35.0", "testdata/HEAD", 50],
  ["k8s.io/apiextensions-apiserver@v0.34.0", "pkg/apis/testdata/HEAD", 1],
];

describe("objects on the wire", () => {
  for (const [name, folder, kinds] of rows) {
    const module = fetchGoModule(name);
    const skip = typeof module === "string" ? module : false;
    it(`are the same in every form: ${name} ${folder}`, { skip }, () => {
      assert.ok(typeof module === "object");
      const checks = wireChecks(join(module.folder, folder));
      const faults = checks.flatMap(({ name: one, fault }) =>
        fault === undefined ? [] : [`${one}: ${fault}`],
      );
      assert.deepEqual(faults, []);
      assert.ok(checks.length >= kinds, `${checks.length} kinds`);
    });
  }
});
