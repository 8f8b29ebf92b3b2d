import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PresentLink, planLinks } from "./link-plan.ts";
import type { BondSpec, LinkSpec, VlanSpec } from "./port-spec.ts";

const card = (name: string, master = ""): PresentLink => ({ name, alias: "", master });
const vlan: VlanSpec = { kind: "vlan", name: "shop", lower: "eth0", tag: 5 };
const vlanThere: PresentLink = { name: "shop", alias: "selvedge vlan eth0 5", master: "" };
const bond: BondSpec = {
  ...{ kind: "bond", name: "both", mode: "active-backup", lacpRate: "slow" },
  members: [
    { name: "a", card: "eth0" },
    { name: "b", card: "eth1" },
  ],
  watch: { kind: "carrier", everyMs: 100, upDelayMs: 0, downDelayMs: 0 },
};
const options = "mode active-backup miimon 100 updelay 0 downdelay 0";
const bondThere: PresentLink = { name: "both", alias: `selvedge bond ${options}`, master: "" };
const above: VlanSpec = { ...vlan, lower: "both" };
const join = (name: string): string[] => [
  `addr flush dev ${name}`,
  `link set dev ${name} down`,
  `link set dev ${name} master both`,
];
const madeBond = [
  `link add name both type bond ${options}`,
  `link set dev both alias "selvedge bond ${options}"`,
];
const up = (name: string): string => `link set dev ${name} up`;

const rows: readonly (readonly [string, PresentLink[], LinkSpec[], string[]])[] = [
  [
    "makes a VLAN on its card",
    [card("eth0")],
    [vlan],
    [
      "link add link eth0 name shop type vlan id 5",
      'link set dev shop alias "selvedge vlan eth0 5"',
      up("eth0"),
    ],
  ],
  ["leaves one that is there", [card("eth0"), vlanThere], [vlan], [up("eth0")]],
  ["removes one that nobody wants", [card("eth0"), vlanThere], [], ["link del dev shop"]],
  ["leaves what is not ours", [card("eth0"), card("docker0")], [], []],
  [
    "makes one anew that has another tag",
    [card("eth0"), { ...vlanThere, alias: "selvedge vlan eth0 6" }],
    [vlan],
    [
      "link del dev shop",
      "link add link eth0 name shop type vlan id 5",
      'link set dev shop alias "selvedge vlan eth0 5"',
      up("eth0"),
    ],
  ],
  [
    "makes a bond of its cards",
    [card("eth0"), card("eth1")],
    [bond],
    [...madeBond, ...join("eth0"), ...join("eth1"), up("both")],
  ],
  [
    "takes in a card that came later, and lets one go that is no part any more",
    [card("eth0", "both"), card("eth1"), card("eth2", "both"), bondThere],
    [bond],
    ["link set dev eth2 nomaster", ...join("eth1"), up("both")],
  ],
  [
    "makes what is above a bond anew with it",
    [
      ...[
        card("eth0", "both"),
        card("eth1", "both"),
        { ...bondThere, alias: "selvedge bond mode broadcast" },
      ],
      { ...vlanThere, alias: "selvedge vlan both 5" },
    ],
    [{ ...bond, members: bond.members.slice(0, 1) }, above],
    [
      ...["link del dev both", ...madeBond, ...join("eth0"), up("both")],
      ...["link add link both name shop type vlan id 5", 'link set dev shop alias "selvedge vlan both 5"'],
      up("both"),
    ],
  ],
];

describe("links of the ports", () => {
  for (const [name, present, wanted, lines] of rows)
    it(name, () => {
      const { steps, problems } = planLinks(present, wanted);
      assert.deepEqual([steps.map(({ line }) => line), problems], [lines, new Map()]);
    });

  it("tells the kernel what a bond looks for and how it speaks to its peer", () => {
    const [step] = planLinks(
      [card("eth0")],
      [
        {
          ...{ ...bond, mode: "802.3ad", lacpRate: "fast" },
          watch: { kind: "arp", everyMs: 200, targets: ["192.0.2.1", "192.0.2.2"] },
        },
      ],
    ).steps;
    const wanted = "mode 802.3ad arp_interval 200 arp_ip_target 192.0.2.1,192.0.2.2 lacp_rate fast";
    assert.equal(step?.line, `link add name both type bond ${wanted}`);
  });

  const faults: readonly (readonly [string, PresentLink[], LinkSpec[], [string, RegExp][]])[] = [
    ["a card that is not there", [], [vlan], [["shop", /no card eth0/]]],
    ["a name that is taken", [card("eth0"), card("shop")], [vlan], [["shop", /none of ours/]]],
    [
      "a bond without cards, and what is above it",
      [],
      [bond, above],
      [
        ["both", /none of its cards eth0, eth1/],
        ["shop", /none of its cards eth0, eth1/],
      ],
    ],
  ];
  for (const [name, present, wanted, told] of faults)
    it(`tells of ${name}`, () => {
      const { problems, steps } = planLinks(present, wanted);
      assert.deepEqual([problems.size, steps], [told.length, []]);
      for (const [link, why] of told) assert.match(problems.get(link) ?? "", why);
    });
});
