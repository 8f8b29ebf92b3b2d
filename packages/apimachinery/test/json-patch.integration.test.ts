/** The public suite for RFC 6902, as npm has it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type JsonPatchOperation, jsonPatch } from "../src/index.ts";

interface Case {
  readonly comment?: string;
  readonly doc: unknown;
  readonly patch?: JsonPatchOperation[];
  readonly expected?: unknown;
  readonly error?: string;
  readonly disabled?: boolean;
}

const folder = dirname(fileURLToPath(import.meta.resolve("json-patch-test-suite/package.json")));

for (const file of ["tests.json", "spec_tests.json"]) {
  const cases = JSON.parse(readFileSync(join(folder, file), "utf8")) as Case[];
  describe(`json-patch-tests, ${file}`, () => {
    for (const [index, { comment, doc, patch, expected, error, disabled }] of cases.entries()) {
      if (disabled || patch === undefined) continue;
      it(`${index}: ${comment ?? error ?? JSON.stringify(patch).slice(0, 60)}`, () => {
        if (error !== undefined) assert.throws(() => jsonPatch(doc, patch));
        else if (expected === undefined) jsonPatch(doc, patch);
        else assert.deepEqual(jsonPatch(doc, patch), expected);
      });
    }
  });
}
