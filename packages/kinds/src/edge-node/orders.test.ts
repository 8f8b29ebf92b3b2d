import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { edgeNodeKind } from "./edge-node.ts";

describe("what a box is ordered to do", () => {
  const system = { version: "13.4.0", image: "lfedge/eve:13.4.0-kvm-amd64" };
  const rows: readonly (readonly [string, object, object | undefined, ...string[]])[] = [
    ["commands and a system", { commands: { reboot: 3 }, system: { ...system, activate: false } }, undefined],
    [
      "a system nobody can fetch",
      { system: { version: "1", image: "Not An Image" } },
      undefined,
      'spec.system.image: Invalid value: "Not An Image": "Not An Image" is not a repository name: lower-case ' +
        "letters, digits, '.', '_', '-', '/'",
    ],
    ["a count that grows", { commands: { reboot: 4 } }, { commands: { reboot: 3 } }],
    [
      "a count that falls, which a box would act on",
      {},
      { commands: { reboot: 3 } },
      "spec.commands.reboot: Invalid value: 0: is a count and must not fall below 3",
    ],
  ];
  for (const [what, spec, before, ...errors] of rows) {
    it(what, () => {
      const old = before && admit(edgeNodeKind, { spec: before }).object;
      assert.deepEqual(admit(edgeNodeKind, { spec }, old).errors, errors);
    });
  }
});
