import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseModes, modeArguments, parseModes } from "./modem-modes.ts";
import type { RadioTechnology } from "./modem-state.ts";

const all = "allowed: 2g, 3g, 4g; preferred: none";
const modesOf = (...texts: readonly string[]) => texts.map((text) => parseModes(text) ?? assert.fail(text));

describe("a modem is told which technologies to use", () => {
  const rows: readonly (readonly [RadioTechnology[], string[], string | undefined])[] = [
    [[], [all], undefined],
    [["5gnr"], [all], undefined],
    [["lte"], [all], all],
    [
      ["lte"],
      [all, "allowed: 4g; preferred: none", "allowed: 3g; preferred: none"],
      "allowed: 4g; preferred: none",
    ],
    [
      ["lte", "umts"],
      ["allowed: 4g; preferred: none", "allowed: 3g, 4g; preferred: 3g", "allowed: 3g, 4g; preferred: 4g"],
      "allowed: 3g, 4g; preferred: 4g",
    ],
    [
      ["umts", "lte"],
      ["allowed: 4g; preferred: none", "allowed: 3g; preferred: none"],
      "allowed: 3g; preferred: none",
    ],
    [
      ["5gnr", "lte"],
      ["allowed: 3g, 4g, 5g; preferred: 5g", "allowed: 4g; preferred: none"],
      "allowed: 4g; preferred: none",
    ],
  ];
  for (const [wanted, supported, chosen] of rows)
    it(`${wanted.join(", ") || "all"} of ${supported.join(" | ")}`, () =>
      assert.equal(chooseModes(modesOf(...supported), wanted)?.text, chosen));

  it("in ModemManager's words", () => {
    const [both, any] = modesOf("allowed: 3g, 4g; preferred: 4g", all);
    assert(both !== undefined && any !== undefined);
    assert.deepEqual(modeArguments(both), ["--set-allowed-modes=3g|4g", "--set-preferred-mode=4g"]);
    assert.deepEqual(modeArguments(any), ["--set-allowed-modes=2g|3g|4g"]);
    assert.equal(parseModes("--"), undefined);
  });
});
