import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PortLease, parseLease } from "./leases.ts";

const four = "address=192.0.2.7/24\nrouter=192.0.2.1 192.0.2.2\ndns=192.0.2.53 x\n";
const rows: readonly (readonly [string, readonly string[], PortLease])[] = [
  ["nothing", [], { address: undefined, gateways: [], dns: [] }],
  ["DHCP", [four], { address: "192.0.2.7/24", gateways: ["192.0.2.1"], dns: ["192.0.2.53"] }],
  [
    "DHCP without a way out",
    ["address=192.0.2.7/24\nrouter=\ndns=\n"],
    { address: "192.0.2.7/24", gateways: [], dns: [] },
  ],
  ["what is no lease", ["address=/\nrouter=192.0.2.1\n"], { address: undefined, gateways: [], dns: [] }],
  [
    "a router",
    ["", "router=fe80::1\ndns=fe80::1 2001:db8::53\n"],
    { address: undefined, gateways: ["fe80::1"], dns: ["fe80::1%eth0", "2001:db8::53"] },
  ],
  [
    "all of them",
    [four, "router=fe80::1\ndns=2001:db8::53\n", "dns=2001:db8::53 2001:db8::54\n"],
    {
      address: "192.0.2.7/24",
      gateways: ["192.0.2.1", "fe80::1"],
      dns: ["192.0.2.53", "2001:db8::53", "2001:db8::54"],
    },
  ],
];

describe("a lease", () => {
  for (const [name, files, wanted] of rows)
    it(`is read from ${name}`, () => assert.deepEqual(parseLease("eth0", ...files), wanted));
});
