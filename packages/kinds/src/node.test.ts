import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../test/admit.ts";
import { type Node, nodeKind } from "./node.ts";

const [v4, v6] = ["10.0.0.0/24", "fd00::/64"];
const spec = (made: object, old?: object): { made: unknown; errors: readonly string[] } => {
  const before = old && (admit(nodeKind, { spec: old }).object as Node);
  const { object, errors } = admit(nodeKind, { spec: made }, before);
  return { made: (object as Node).spec, errors };
};

describe("a Node's ranges of addresses", () => {
  for (const [what, said, made] of [
    ["of the older place", { podCIDR: v4 }, { podCIDR: v4, podCIDRs: [v4] }],
    ["of the newer place", { podCIDRs: [v4, v6] }, { podCIDR: v4, podCIDRs: [v4, v6] }],
    ["that differ: the older place holds", { podCIDR: v6, podCIDRs: [v4] }, { podCIDR: v6, podCIDRs: [v6] }],
    ["that are none", { podCIDR: "", podCIDRs: [] }, {}],
  ] as const) {
    it(`may be ${what}`, () => assert.deepEqual(spec(said), { made, errors: [] }));
  }

  const invalid = (range: string): string =>
    `Invalid value: "${range}": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`;
  const twice = "may specify no more than one CIDR for each IP family";
  const kept = (name: string, what: string): string =>
    `spec.${name}: Forbidden: node updates may not change ${what} except from "" to valid`;
  const rows: readonly (readonly [
    what: string,
    made: object,
    old: object | undefined,
    ...errors: string[],
  ])[] = [
    ["none", { podCIDR: "10.0.0.0" }, undefined, `spec.podCIDRs[0]: ${invalid("10.0.0.0")}`],
    ["empty", { podCIDRs: [""] }, undefined, `spec.podCIDRs[0]: ${invalid("")}`],
    [
      "two of a family",
      { podCIDRs: [v4, v4] },
      undefined,
      `spec.podCIDRs: Invalid value: ["${v4}","${v4}"]: ${twice}`,
    ],
    ["others than before", { podCIDR: v6 }, { podCIDR: v4 }, kept("podCIDRs", "podCIDR")],
    ["gone", {}, { podCIDR: v4 }, kept("podCIDRs", "podCIDR")],
    [
      "the same, and another maker's name",
      { providerID: "b" },
      { providerID: "a" },
      kept("providerID", "providerID"),
    ],
  ];
  for (const [what, made, old, ...errors] of rows) {
    it(`cannot be ${what}`, () => assert.deepEqual(spec(made, old).errors, errors));
  }
  it("are said later too", () => {
    assert.deepEqual(spec({ podCIDR: v4, providerID: "a" }, {}).errors, []);
  });
});
