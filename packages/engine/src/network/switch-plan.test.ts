import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { vlanLines } from "./linux/switches.ts";
import type { SwitchPort } from "./network-driver.ts";
import { planSwitch, type SwitchInputs } from "./switch-plan.ts";

const said = ({ name, vlans, guarded }: SwitchPort): string =>
  `${name} ${vlans.kind === "access" ? vlans.vlan : `[${vlans.vlans.join()}]`}${guarded ? " guarded" : ""}`;

describe("a switch", () => {
  const tap = (name: string, accessVlan?: number) => ({ name, accessVlan });
  const labels: Readonly<Record<string, readonly string[]>> = { floor: ["sw0", "sw1"], cell: ["sw1"] };
  const rows: readonly (readonly [string, Partial<SwitchInputs>, boolean, readonly string[]])[] = [
    ["knows of no VLANs where nobody is in one", { taps: [tap("t0")] }, false, ["sw0 []", "t0 []"]],
    [
      "carries to the others what some app is in",
      { taps: [tap("t0", 20), tap("t1", 10), tap("t2", 10), tap("t3")] },
      true,
      ["sw0 [10,20]", "t0 20", "t1 10", "t2 10", "t3 [10,20]"],
    ],
    [
      "has its cards in VLANs by name or label",
      { cards: ["sw0", "sw1"], network: { accessPorts: [{ vlan: 7, port: "cell" }] } },
      true,
      ["sw0 [7]", "sw1 7"],
    ],
    [
      "keeps apps out of the search for loops, and who is behind ports that say so",
      { cards: ["sw0", "sw1"], network: { guarded: "cell" }, taps: [tap("t0")] },
      false,
      ["sw0 []", "sw1 [] guarded", "t0 [] guarded"],
    ],
    ["takes a label of all for its own", { network: { guarded: "all" } }, false, ["sw0 [] guarded"]],
  ];
  for (const [name, inputs, aware, ports] of rows)
    it(name, () => {
      const interfacesOf = (label: string): readonly string[] | undefined => labels[label];
      const usual = { bridge: "svb0", network: {}, cards: ["sw0"], taps: [], interfacesOf };
      const item = planSwitch({ ...usual, ...inputs });
      assert.deepEqual([item.aware, item.ports.map(said)], [aware, ports]);
      assert.equal(item.loops, (inputs.cards ?? ["sw0"]).length > 1);
    });
});

describe("an end of a switch", () => {
  const pvid = ["PVID", "Egress Untagged"];
  const rows: readonly (readonly [
    SwitchPort["vlans"],
    Parameters<typeof vlanLines>[1],
    readonly string[],
  ])[] = [
    [
      { kind: "access", vlan: 10 },
      [{ vlan: 1, flags: pvid }],
      ["vlan del dev p vid 1", "vlan add dev p vid 10 pvid untagged"],
    ],
    [{ kind: "access", vlan: 10 }, [{ vlan: 10, flags: pvid }], []],
    [
      { kind: "trunk", vlans: [10, 20] },
      [{ vlan: 1, flags: pvid }],
      ["vlan add dev p vid 10", "vlan add dev p vid 20"],
    ],
    [
      { kind: "trunk", vlans: [10] },
      [
        { vlan: 1, flags: pvid },
        { vlan: 10, vlanEnd: 12 },
      ],
      ["vlan del dev p vid 11", "vlan del dev p vid 12"],
    ],
    [
      { kind: "trunk", vlans: [] },
      [{ vlan: 10, flags: pvid }],
      ["vlan del dev p vid 10", "vlan add dev p vid 1 pvid untagged"],
    ],
  ];
  for (const [vlans, has, lines] of rows)
    it(`becomes ${JSON.stringify(vlans)} from ${has.map(({ vlan }) => vlan).join()}`, () =>
      assert.deepEqual(vlanLines({ name: "p", guarded: false, vlans }, has), lines));
});
