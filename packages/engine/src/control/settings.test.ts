import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seconds } from "@selvedge/base";
import type { DesiredState } from "../desired.ts";
import { Cell } from "../engine-store.ts";
import { Settings } from "./settings.ts";

function settings(items: Readonly<Record<string, string>>): Settings {
  const desired = { settings: new Map(Object.entries(items)) } as unknown as DesiredState;
  return new Settings(new Cell<DesiredState | undefined>(desired));
}

const rows: readonly (readonly [string, number, boolean])[] = [
  ["30", 30, true],
  ["5", 5, true],
  ["4", 60, false],
  ["86401", 60, false],
  ["1e2", 60, false],
  ["", 60, false],
];

describe("a config item", () => {
  for (const [text, expected, valid] of rows)
    it(`of ${JSON.stringify(text)} means ${expected} s`, () => {
      const found = settings({ "timer.config.interval": text });
      assert.equal(found.seconds("timer.config.interval"), seconds(expected));
      assert.equal(found.isSet("timer.config.interval"), valid);
      const { known } = found.status();
      assert.equal(known["timer.config.interval"]?.value, String(expected));
      assert.equal(known["timer.config.interval"]?.error === "", valid);
    });

  it("that nobody knows is told as unknown", () => {
    assert.deepEqual(Object.keys(settings({ "timer.coffee": "1" }).status().unknown), ["timer.coffee"]);
  });

  it("has its default before the first configuration", () => {
    const none = new Settings(new Cell<DesiredState | undefined>(undefined));
    assert.equal(none.seconds("timer.cert.interval"), seconds(86_400));
    assert.equal(none.isSet("timer.cert.interval"), false);
  });
});
