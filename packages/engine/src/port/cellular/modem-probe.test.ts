import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressFor, type ModemSurroundings, questionsOf } from "./modem-probe.ts";

const around: ModemSurroundings = { probe: undefined, proxy: undefined, dns: [], addresses: ["10.1.2.3"] };

describe("whether a modem leads anywhere", () => {
  const rows: readonly (readonly [string, Partial<ModemSurroundings>, string[]])[] = [
    ["everybody's server", {}, ["ping 8.8.8.8"]],
    ["by the family it has", { addresses: ["2001:db8::1"] }, ["ping 2001:4860:4860::8888"]],
    [
      "name servers first",
      { dns: ["10.1.2.53", "2001:db8::53"] },
      ["dns 10.1.2.53, dns 2001:db8::53", "ping 8.8.8.8"],
    ],
    ["no more than a network tells", { dns: ["1", "2", "3", "4"] }, ["dns 1, dns 2, dns 3", "ping 8.8.8.8"]],
    ["the proxy by its address", { proxy: "10.0.0.8:3128" }, ["tcp 10.0.0.8 3128", "ping 8.8.8.8"]],
    ["also of IPv6", { proxy: "[2001:db8::8]:80" }, ["tcp 2001:db8::8 80", "ping 8.8.8.8"]],
    ["not a proxy that has a name", { proxy: "proxy:80" }, ["ping 8.8.8.8"]],
    ["whom the configuration names", { probe: { kind: "ping", host: "10.9.9.9" } }, ["ping 10.9.9.9"]],
    ["by TCP", { probe: { kind: "tcp", host: "10.9.9.9", port: 443 } }, ["tcp 10.9.9.9 443"]],
    ["nobody", { probe: { kind: "none" }, dns: ["10.1.2.53"] }, []],
  ];
  for (const [name, more, wanted] of rows)
    it(`is asked of ${name}`, () => {
      const rounds = questionsOf({ ...around, ...more });
      assert.deepEqual(
        rounds.map((round) => round.map((it) => Object.values(it).join(" ")).join(", ")),
        wanted,
      );
    });

  it("is asked from an address of the same family", () => {
    const both = ["10.1.2.3", "2001:db8::1"];
    assert.equal(addressFor("8.8.8.8", both), "10.1.2.3");
    assert.equal(addressFor("2001:db8::2", both), "2001:db8::1");
    assert.equal(addressFor("probe.example.com", both), "10.1.2.3");
    assert.equal(addressFor("2001:db8::2", ["10.1.2.3"]), undefined);
  });
});
