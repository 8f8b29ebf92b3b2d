/**
 * Server-side apply against its reference implementation: writes by chance, recorded by structured-merge-diff
 * in Go, replayed by ours. Objects and who manages which field must be the same.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { replayApplyCases } from "@selvedge/apimachinery";
import { SeededRandom } from "@selvedge/base";
import { randomRecording } from "./apply/random-writes.ts";
import { buildGo } from "./go-program.ts";

const record = buildGo("apply");
const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);
const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 1);
const perSeed = 1_000;

describe("server-side apply", { skip: typeof record === "string" ? record : false }, () => {
  for (let one = seed; one < seed + seeds; one++) {
    it(`ends as the reference implementation does: seed ${one}`, () => {
      assert.ok(typeof record === "function");
      const random = new SeededRandom(one);
      const lines = record(Array.from({ length: perSeed }, () => JSON.stringify(randomRecording(random))));
      assert.equal(lines.length, perSeed);
      const applied = lines.filter((line) => !line.includes('"err":'));
      // Writes that cannot be are few, and conflicts are there: else little would be compared.
      assert.ok(applied.length > perSeed / 2, `${applied.length} cases without errors`);
      assert.ok(lines.some((line) => line.includes('"Conflicts":')));
      const { failures } = replayApplyCases(lines.join("\n"));
      const [first] = failures;
      const at = Number(/^case (\d+)/.exec(first ?? "")?.[1] ?? 0);
      assert.equal(failures.length, 0, `${failures.length} of ${perSeed} differ: ${first}\n${lines[at - 1]}`);
    });
  }
});
