/**
 * Expressions by chance: what Kubernetes' own environment makes of each, ours makes of it, and for the same cost.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "@selvedge/base";
import { type Answer, answerTo } from "../../packages/apimachinery/test/expressions.ts";
import { randomExpression } from "./expressions/random-expression.ts";
import { buildLargeGo } from "./go-program.ts";

const ask = buildLargeGo("expressions");
const seed = Number(process.env["SELVEDGE_SEED"] ?? 1);
const seeds = Number(process.env["SELVEDGE_SEEDS"] ?? 1);
const perSeed = 3_000;

describe("expressions", { skip: typeof ask === "string" ? ask : false }, () => {
  for (let one = seed; one < seed + seeds; one++) {
    it(`come to what they come to there: seed ${one}`, () => {
      assert.ok(typeof ask === "function");
      const random = new SeededRandom(one);
      const sources = Array.from({ length: perSeed }, () => randomExpression(random));
      const theirs = ask(sources.map((source) => JSON.stringify(source))).map(
        (line) => JSON.parse(line) as Answer,
      );
      assert.equal(theirs.length, perSeed);
      assert.ok(theirs.filter(({ stage }) => stage === "value").length > perSeed / 2);
      const differ = theirs.filter((wanted) => !isSame(wanted, answerTo(wanted.source)));
      assert.deepEqual(
        differ.slice(0, 5).map((wanted) => [wanted, answerTo(wanted.source)]),
        [],
      );
    });
  }
});

/** What fails, fails: when it is asked, or before. Where upstream ends by a panic, there is nothing to be compared. */
function isSame(wanted: Answer, found: Answer): boolean {
  if (wanted.stage === "panic") return true;
  if (wanted.stage !== "value" || found.stage !== "value")
    return wanted.stage !== "value" && found.stage !== "value";
  // Looking into what is not there costs now this, now that.
  const isSparse = wanted.source.includes("optional");
  return wanted.text === found.text && (isSparse || wanted.cost === found.cost);
}
