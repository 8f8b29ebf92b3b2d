import assert from "node:assert/strict";
import { it } from "node:test";
import { admit } from "../../test/admit.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { endpointsKind } from "./endpoints.ts";

const loopback = "may not be in the loopback range (127.0.0.0/8, ::1/128)";
const linkLocal = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
const multicast = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
const none = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
/** What is wrong with an address of Endpoints, and with one of a slice of its version. */
const rows: readonly (readonly [ip: string, inEndpoints: readonly string[], inSlice: readonly string[]])[] = [
  ["10.0.0.1", [], []],
  ["2001:db8::1", [], []],
  ["127.0.0.9", [loopback], [loopback]],
  ["::1", [loopback], [loopback]],
  ["0.0.0.0", ["may not be unspecified (0.0.0.0)"], ["may not be unspecified (0.0.0.0)"]],
  ["::", ["may not be unspecified (::)"], ["may not be unspecified (::)"]],
  ["169.254.169.254", [linkLocal], [linkLocal]],
  ["fe80::1", [linkLocal], [linkLocal]],
  ["224.0.0.1", [multicast], [multicast]],
  ["224.0.1.1", [], []],
  ["ff02::1", [multicast], [multicast]],
  ["ff05::1", [], []],
  ["::ffff:7f00:1", [loopback], ["must not be an IPv4-mapped IPv6 address", loopback]],
  ["2001:DB8::1", [], ['must be in canonical form ("2001:db8::1")']],
  ["10.0.0", [none, "must be a valid IP address"], [none]],
];

for (const [ip, inEndpoints, inSlice] of rows) {
  it(`${ip} behind a Service`, () => {
    const said = (at: string, faults: readonly string[]): string[] =>
      faults.map((fault) => `${at}: Invalid value: ${JSON.stringify(ip)}: ${fault}`);
    const endpoints = { subsets: [{ addresses: [{ ip }] }] };
    const slice = { addressType: ip.includes(":") ? "IPv6" : "IPv4", endpoints: [{ addresses: [ip] }] };
    assert.deepEqual(admit(endpointsKind, endpoints).errors, said("subsets[0].addresses[0].ip", inEndpoints));
    assert.deepEqual(admit(endpointSliceKind, slice).errors, said("endpoints[0].addresses[0]", inSlice));
  });
}
