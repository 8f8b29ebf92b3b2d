import assert from "node:assert/strict";
import { it } from "node:test";
import { parseArgs } from "node:util";
import { argumentFault } from "./arguments.ts";

const fault = (...args: string[]): string | undefined => {
  try {
    parseArgs({ args, options: { nodes: { type: "string" } }, allowPositionals: true });
    return undefined;
  } catch (error) {
    return argumentFault(error, "up");
  }
};

for (const [args, said] of [
  [["--node", "1"], "Unknown option '--node'"],
  [["--nodes", "-1"], "Option '--nodes' argument is ambiguous"],
  [["--nodes"], "Option '--nodes <value>' argument missing"],
] as const) {
  it(`tells where the right arguments stand: ${args.join(" ")}`, () => {
    assert.equal(fault(...args), `${said}; ./selvedge up --help tells what there is`);
  });
}

it("has no word on any other error", () => {
  assert.equal(argumentFault(Object.assign(new Error("no"), { code: "ENOENT" }), "up"), undefined);
});
