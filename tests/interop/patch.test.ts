/** Strategic merge patch against its reference implementation in Go: patches by chance, good and bad. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PatchError, type Schema, strategicMergePatch } from "@selvedge/apimachinery";
import { canonicalJson, SeededRandom } from "@selvedge/base";
import { buildGo } from "./go-program.ts";
import { type PatchCase, randomPatch } from "./patch/random-patch.ts";

const patched = buildGo("patch");
const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);
const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 1);
const perSeed = 3_000;

const merge = { "x-kubernetes-patch-strategy": "merge" };
const part: Schema = {
  properties: {
    tags: { type: "object", additionalProperties: { type: "string" } },
    ports: { type: "array", ...merge, "x-kubernetes-patch-merge-key": "port", items: { type: "object" } },
    args: { type: "array" },
  },
};
/** As the structs in main.go. */
const schema: Schema = {
  properties: {
    parts: { type: "array", ...merge, "x-kubernetes-patch-merge-key": "name", items: part },
    names: { type: "array", ...merge },
    whole: { type: "array", items: part },
    strategy: { type: "object", "x-kubernetes-patch-strategy": "retainKeys" },
    fixed: { type: "object", "x-kubernetes-patch-strategy": "replace" },
    labels: { type: "object", additionalProperties: { type: "string" } },
  },
};

interface Answer extends PatchCase {
  readonly result?: unknown;
  readonly error?: string;
}

/** As a server reads it: directives and nulls that are left are no members of anything. */
function read(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(read);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key, member]) => !key.startsWith("$") && member !== null);
  return Object.fromEntries(entries.map(([key, member]) => [key, read(member)]));
}

function ours({ original, patch }: PatchCase): unknown {
  try {
    return strategicMergePatch(original, patch, schema);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    return undefined;
  }
}

describe("strategic merge patch", { skip: typeof patched === "string" ? patched : false }, () => {
  for (let one = seed; one < seed + seeds; one++) {
    it(`ends as the reference implementation does: seed ${one}`, () => {
      assert.ok(typeof patched === "function");
      const random = new SeededRandom(one);
      const lines = patched(Array.from({ length: perSeed }, () => JSON.stringify(randomPatch(random))));
      const answers = lines.map((line) => JSON.parse(line) as Answer);
      assert.equal(answers.length, perSeed);
      assert.ok(answers.filter(({ error }) => error === undefined).length > perSeed / 2);
      const wrong = answers.filter((answer) => {
        const result = ours(answer);
        if (answer.error !== undefined) return result !== undefined;
        return canonicalJson(read(result) ?? null) !== canonicalJson(read(answer.result));
      });
      const [first] = wrong;
      const shown = first && JSON.stringify({ ...first, ours: ours(first) });
      assert.equal(wrong.length, 0, `${wrong.length} of ${perSeed} differ: ${shown}`);
    });
  }
});
