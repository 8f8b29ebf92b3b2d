import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { carryOver, type NftListing, tableDigest } from "./carry-over.ts";

const ruleset = `table inet sv_node
delete table inet sv_node
table inet sv_node {
  counter svt0n0_out_denied { }
  counter svt1n0_out_denied { }
  set svb0_0123 { type ipv4_addr; size 65536;  }
}
`;
const before: NftListing = {
  nftables: [
    { table: { family: "inet", name: "sv_node" } },
    { counter: { name: "svt0n0_out_denied", packets: 3, bytes: 99 } },
    { counter: { name: "gone_out_denied", packets: 1, bytes: 1 } },
    { set: { name: "svb0_0123", table: "sv_node", type: "ipv4_addr", elem: ["192.0.2.1", "192.0.2.2"] } },
    { set: { name: "svb9_gone", table: "sv_node", elem: ["192.0.2.3"] } },
    { set: { name: "rules_old", table: "sv_node" } },
  ],
};

describe("rules that are replaced", () => {
  const text = carryOver(ruleset, "abc", [before]);

  it("know by which rules the tables were made", () => {
    assert.equal(tableDigest(before), "old");
    assert.match(text, /^table inet sv_node \{\n {2}set rules_abc \{/m);
    assert.equal(tableDigest({ nftables: [] }), undefined);
  });

  it("take over what was counted and learned, and nothing that is gone", () => {
    assert.match(text, /counter svt0n0_out_denied \{ packets 3 bytes 99 \}/);
    assert.match(text, /counter svt1n0_out_denied \{ \}/);
    assert.match(text, /add element inet sv_node svb0_0123 \{ 192\.0\.2\.1, 192\.0\.2\.2 \}/);
    assert.doesNotMatch(text, /gone/);
  });
});
