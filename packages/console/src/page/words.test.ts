import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant } from "@selvedge/base";
import { plural, sinceText, spaced, spanText } from "./words.ts";

describe("words", () => {
  for (const [seconds, text] of [
    [-5, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [3599, "59 min"],
    [7200, "2 h"],
    [47 * 3600, "47 h"],
    [72 * 3600, "3 days"],
    [90 * 86_400, "3 months"],
    [900 * 86_400, "2 years"],
  ] as const) {
    it(`say ${text}`, () => assert.equal(spanText(seconds * 1000), text));
  }

  it("say nothing of no time", () => {
    assert.equal(sinceText(undefined, instant(0)), "");
    assert.equal(sinceText("yesterday", instant(0)), "");
    assert.equal(sinceText("1970-01-01T00:00:00Z", instant(61_000)), "1 min");
  });

  for (const [name, text] of [
    ["ConfigAccepted", "Config accepted"],
    ["OOMKilled", "OOM killed"],
    ["PodScheduled", "Pod scheduled"],
    ["CrashLoopBackOff", "Crash loop back off"],
    ["LinkUp", "Link up"],
    ["Ready", "Ready"],
  ] as const) {
    it(`are made of ${name}`, () => assert.equal(spaced(name), text));
  }

  it("count", () => assert.deepEqual([plural(1, "node"), plural(3000, "node")], ["1 node", "3,000 nodes"]));
});
