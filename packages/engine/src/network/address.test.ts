import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { familyOf, formatAddress, parseAddress, parsePrefix, plainAddress } from "./address.ts";
import { linkLocal } from "./mac.ts";

describe("addresses", () => {
  for (const [written, plain, value] of [
    ["10.0.0.1", "10.0.0.1", 0x0a000001n],
    ["255.255.255.255", "255.255.255.255", 0xffffffffn],
    ["::", "::", 0n],
    ["::1", "::1", 1n],
    ["FD00:0:0::A", "fd00::a", 0xfd00n * 2n ** 112n + 10n],
    ["fd00:1:0:0:2:0:0:3", "fd00:1::2:0:0:3", undefined],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", undefined],
  ] as const)
    it(`${written} is ${plain}`, () => {
      assert.equal(plainAddress(written), plain);
      assert.equal(formatAddress(parseAddress(written), familyOf(written)), plain);
      if (value !== undefined) assert.equal(parseAddress(written), value);
    });

  for (const [cidr, text] of [
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.1.2.3/30", "10.1.2.0/30"],
    ["fd00:1::5/64", "fd00:1::/64"],
    ["fd00:1::5f/124", "fd00:1::50/124"],
  ] as const)
    it(`${cidr} is in ${text}`, () => assert.equal(parsePrefix(cidr).text, text));

  for (const cidr of [
    "10.0.0.0/7",
    "10.0.0.0/31",
    "10.0.0.0",
    "10.0.0/24",
    "fd00::/63",
    "fd00::/125",
    "fd00::",
    "",
  ])
    it(`${JSON.stringify(cidr)} is no network of an app`, () =>
      assert.throws(() => parsePrefix(cidr), { name: "InvalidAddressError" }));

  it("within a link follow from those of hardware", () =>
    assert.equal(linkLocal("02:16:3e:00:00:0a"), "fe80::16:3eff:fe00:a"));
});
