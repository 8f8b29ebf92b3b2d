/**
 * What Kubernetes 1.34's own environment made of these expressions, as tests/interop/expressions recorded it: what each
 * comes to, what it costs, when and why it fails.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Answer, answerTo } from "../../test/expressions.ts";

const file = join(import.meta.dirname, "../../testdata/expressions.jsonl");
const answers = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Answer);

/** Meant to be otherwise, and why. */
const otherwise: ReadonlyMap<string, string> = new Map([
  ['quantity("1").sign()', "upstream's documents have it as a member, its program does not; here it is both"],
  ['quantity("1.0").isInteger()', "an amount is whole when it is, however it is written"],
  ['quantity("500m").add(quantity("500m")).isInteger()', "the same"],
  ['quantity("-1.5Gi").isInteger()', "the same"],
  ['quantity("9223372036854775807").asInteger()', "the same"],
  ['quantity("100n").asApproximateFloat()', "the last bit: upstream multiplies by a rounded power of ten"],
  ["[1, 2].all(x, x / 0 == 1 || true)", "what is asked of a failure costs nothing"],
  ["[0, 3].exists(x, 6 / x == 2)", "the same"],
]);
/** The reason is said in fewer words than the libraries of Go have for it. */
const shorter: readonly string[] = [
  ...["IP Address", "IP address", "IPv4-mapped", "network address", "No Major", "unsupported index"],
  ...["got 'types", "no such overload", "Syntax error", "!error!"],
];

describe("expressions, as upstream answers them", () => {
  for (const wanted of answers) {
    const reason = otherwise.get(wanted.source);
    it(`${wanted.source}${reason === undefined ? "" : `: otherwise, ${reason}`}`, () => {
      const { stage, text, cost } = answerTo(wanted.source);
      const all = { stage, text, cost };
      const { source: _source, ...theirs } = wanted;
      if (reason !== undefined) assert.notDeepEqual(all, theirs);
      else if (stage === "value") assert.deepEqual(all, theirs);
      else {
        assert.equal(stage, wanted.stage, text);
        if (!shorter.some((words) => wanted.text.includes(words))) assert.equal(text, wanted.text);
      }
    });
  }
});
