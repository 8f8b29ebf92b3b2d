import assert from "node:assert/strict";
import { it } from "node:test";
import { systemDir, systemFlags } from "./system-flags.ts";

const port = "6443";

for (const [what, values, message] of [
  ["a negative number of nodes", { nodes: "-1", port }, /--nodes "-1": write a whole number from 0 to 100/],
  ["half a node", { nodes: "1.5", port }, /--nodes/],
  ["more nodes than addresses", { nodes: "101", port }, /--nodes/],
  ["no number of nodes", { nodes: "", port }, /--nodes/],
  ["text for a port", { port: "https" }, /--port "https"/],
  ["the last port, after which there is none", { port: "65535" }, /--port/],
  ["a folder without a name", { dir: "", port }, /--dir/],
] as const) {
  it(`refuses ${what}`, () => assert.throws(() => systemFlags(values), { name: "UsageError", message }));
}

it("means one node in the folder of the home, from wherever it is asked", () => {
  assert.deepEqual(systemFlags({ port }), { nodes: 1, dir: systemDir(undefined), port: 6443 });
});
