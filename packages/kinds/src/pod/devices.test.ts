import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { admit } from "../../test/admit.ts";
import { deviceGroups, podKind } from "../index.ts";

const gpu = "selvedge.dev/gpu";
const dongle = "example.com/dongle";
const at = "spec.containers[0].resources";
const rows: readonly (readonly [what: string, resources: object, ...errors: string[]])[] = [
  ["a group of devices", { limits: { [gpu]: "1" } }],
  ["none of it", { limits: { [gpu]: "0" } }],
  ["the same as limit and request", { limits: { [gpu]: 1 }, requests: { [gpu]: "1" } }],
  [
    "two of what there is one",
    { limits: { [gpu]: "2" } },
    `${at}.limits[${gpu}]: Invalid value: "2": must be 1: a group of devices is lent whole, and once`,
    `${at}.requests[${gpu}]: Invalid value: "2": must be 1: a group of devices is lent whole, and once`,
  ],
  [
    "a part",
    { limits: { [gpu]: "500m" } },
    `${at}.limits[${gpu}]: Invalid value: "500m": must be 1: a group of devices is lent whole, and once`,
    `${at}.requests[${gpu}]: Invalid value: "500m": must be 1: a group of devices is lent whole, and once`,
  ],
  [
    "a request alone",
    { requests: { [gpu]: "1" } },
    `${at}.limits[${gpu}]: Required value: Limit must be set for non overcommitable resources`,
  ],
  [
    "less than its limit",
    { limits: { [gpu]: "1" }, requests: { [gpu]: "0" } },
    `${at}.requests: Invalid value: "0": must be equal to ${gpu} limit of 1`,
  ],
  ["what somebody counts, as many as there are", { limits: { [dongle]: "3" } }],
  [
    "a part of one",
    { limits: { [dongle]: "1500m" } },
    `${at}.limits[${dongle}]: Invalid value: "1500m": must be an integer`,
    `${at}.requests[${dongle}]: Invalid value: "1500m": must be an integer`,
  ],
  [
    "one as a request alone",
    { requests: { [dongle]: "1" } },
    `${at}.limits[${dongle}]: Required value: Limit must be set for non overcommitable resources`,
  ],
];

describe("a container asks for", () => {
  for (const [what, resources, ...errors] of rows) {
    it(what, () => {
      const spec = { containers: [{ name: "c", image: "i", resources }] };
      assert.deepEqual(admit(podKind, { metadata: { name: "p", namespace: "d" }, spec }).errors, errors);
    });
  }

  it("groups that are named, and are not nothing", () => {
    assert.deepEqual(deviceGroups({ cpu: "1", [gpu]: "1", "selvedge.dev/scale": "0" }), ["gpu"]);
  });
});
