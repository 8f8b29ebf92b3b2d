import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseOsCommand } from "./flags.ts";

describe("parseOsCommand", () => {
  it("has a default for everything but the image", () => {
    assert.deepEqual(parseOsCommand(["run", "/i/box.img"]), {
      ...{ kind: "run", image: "/i/box.img", box: "/i/box.img.box", fresh: false, config: undefined },
      ...{ serial: "box.img.box", accel: "auto", memoryMib: 2048, cpus: undefined, diskMib: 8192 },
    });
    const build = parseOsCommand(["build", "--yes"]);
    assert.deepEqual(
      { ...build, out: "" },
      { kind: "build", profile: undefined, config: undefined, out: "" },
    );
  });

  for (const command of [[], ["build"], ["config"], ["run"]])
    it(`tells how to use ${command.join(" ") || "it"}`, () => {
      const told = parseOsCommand([...command, "--help"]);
      assert.match(told.kind === "help" ? told.text : "", /^Usage: \.\/selvedge os /);
    });

  const refused: readonly (readonly [string, RegExp])[] = [
    ["start", /start: write build, config or run/],
    ["build --slot a", /Unknown option '--slot'/],
    ["config image", /write os config IMAGE FOLDER/],
    ["run", /write os run IMAGE/],
    ["run a b", /one image/],
    ["run a --memory 12", /--memory 12: write a whole number from 512 /],
    ["run a --accel hax", /--accel hax: write auto, kvm or tcg/],
    ["run a --serial a,b", /--serial "a,b": letters, digits/],
  ];
  for (const [line, error] of refused)
    it(`refuses ${line}`, () => {
      assert.throws(() => parseOsCommand(line.split(" ")), error);
    });
});
