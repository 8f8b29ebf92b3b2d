import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseWay, type WayCandidate } from "./way-choice.ts";
import { type Answer, doubts, judge, type Verdict } from "./way-state.ts";

const yes: Verdict = { up: true, answered: 9, silent: 0, latencyMs: 0 };
const no: Verdict = { up: false, answered: 0, silent: 9, latencyMs: 0 };

/** `cable:0 g+ r-`: its cost, that it is there (`-` after it: not), its gateway's verdict and the remote one's. */
function candidate(text: string): WayCandidate {
  const [head = "", ...said] = text.split(" ");
  const [, name = "", cost = "", gone] = /^(\w+):(\d+)(-?)$/.exec(head) ?? assert.fail(text);
  const verdict = (letter: string): Verdict | undefined => {
    const found = said.find((it) => it.startsWith(letter));
    return found === undefined ? undefined : found.endsWith("+") ? yes : no;
  };
  const [gateway, remote] = [verdict("g"), verdict("r")];
  const signal = said.find((it) => it.startsWith("s"))?.slice(1);
  return {
    ...{ name, cost: Number(cost), there: gone === "-" ? no : yes },
    ...(gateway === undefined ? {} : { gateway }),
    ...(remote === undefined ? {} : { remote }),
    ...(signal === undefined ? {} : { signal: Number(signal) }),
  };
}

describe("the port of a way", () => {
  const cheapest = { cheapest: true };
  const rows: readonly (readonly [
    why: string,
    ports: readonly string[],
    current: string | undefined,
    choice: object,
    taken: string | undefined,
  ])[] = [
    ["is none where there is none", [], undefined, {}, undefined],
    ["is the cheapest that works", ["b:5 g+", "a:0 g+"], "b", cheapest, "a"],
    ["stays where cost does not matter", ["b:5 g+", "a:0 g+"], "b", {}, "b"],
    ["is another when its gateway is silent", ["a:0 g-", "b:5 g+"], "a", cheapest, "b"],
    ["is one whose gateway is not asked rather", ["a:0 g-", "b:5"], "a", cheapest, "b"],
    ["is another when its cable is pulled", ["a:0- g-", "b:5"], "a", {}, "b"],
    ["stays when none works", ["a:0 g-", "b:5 g-"], "b", cheapest, "b"],
    ["is one that is there when none works", ["a:0- g-", "b:5 g-"], "a", cheapest, "b"],
    ["stays when none is there", ["a:0-", "b:5-"], "b", cheapest, "b"],
    ["is the cheapest when nothing is known", ["b:5-", "a:0-"], undefined, cheapest, "a"],
    ["is one whose remote end answers", ["a:0 g+ r-", "b:5 r+"], "a", cheapest, "b"],
    ["may have a gateway that never answers", ["a:0 g- r+", "b:5 r+"], "a", cheapest, "a"],
    ["is of those of equal cost the one with more answers", ["a:0 g- r+", "b:0 g+ r+"], "a", cheapest, "b"],
    ["is of several as good the one in use", ["a:0 g+", "b:0 g+"], "b", cheapest, "b"],
    ["is the modem that is received best", ["a:5 r+ s40", "b:5 r+ s80"], "a", { strongest: true }, "b"],
    ["is no weaker modem by chance", ["a:5 r+ s40", "b:5 r+ s80"], "a", {}, "a"],
    ["may be a cable beside modems", ["a:0 r+", "b:5 r+ s80"], "a", { strongest: true }, "a"],
    ["is one that is still there though it is gone from the list", ["b:0 g+"], "a", {}, "b"],
  ];
  for (const [why, ports, current, choice, taken] of rows)
    it(why, () => assert.equal(chooseWay(ports.map(candidate), choice, current, 0), taken));

  it("is parted among networks that have no reason", () => {
    const two = ["a:0 g+", "b:0 g+"].map(candidate);
    assert.deepEqual(
      [0, 1, 2].map((spread) => chooseWay(two, {}, undefined, spread)),
      ["a", "b", "a"],
    );
  });
});

describe("who is asked again and again", () => {
  const answers: Readonly<Record<string, Answer>> = {
    "+": { kind: "answered", ms: 10 },
    "-": { kind: "silent" },
    x: { kind: "impossible" },
  };
  const after = (said: string, sudden = true): Verdict =>
    [...said].reduce<Verdict | undefined>(
      (before, it) => judge(before, answers[it] ?? assert.fail(it), sudden),
      undefined,
    ) ?? assert.fail("nothing was said");
  const rows: readonly (readonly [said: string, up: boolean, doubted: boolean])[] = [
    ["+", true, false],
    ["-", false, false],
    ["+----", true, true],
    ["+-----", false, false],
    ["+----+----", true, true],
    ["+x", false, false],
    ["-+++", false, true],
    ["-++++", true, false],
    ["-+++-+++", false, true],
    [`${"+".repeat(40)}-`, false, false],
    [`${"+".repeat(39)}-`, true, true],
    [`${"-".repeat(40)}+`, true, false],
    ["+x++++", true, false],
  ];
  for (const [said, up, doubted] of rows)
    it(`is ${up ? "up" : "down"}${doubted ? " with doubt" : ""} after ${said}`, () => {
      assert.equal(after(said).up, up);
      assert.equal(doubts(after(said)), doubted);
    });
  it("is not believed at once where that is not wanted", () =>
    assert.equal(after(`${"+".repeat(50)}-`, false).up, true));
  it("tells how long it took", () => assert.equal(after("+-++").latencyMs, 10));
});
