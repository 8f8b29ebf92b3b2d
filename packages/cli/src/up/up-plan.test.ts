import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freeSubnetIndex, planUp } from "./up-plan.ts";

const options = { dir: "/var/lib/one", nodes: 2, port: 6443, subnetIndex: 7 };

describe("planUp", () => {
  it("gives every node a namespace, a cable and an address of its own", () => {
    const { nodes, bridge, bridgeAddress, devicePort } = planUp(options);
    assert.equal(bridgeAddress, "10.213.7.1/24");
    assert.equal(devicePort, 6444);
    assert.deepEqual(
      nodes.map(({ name, address }) => [name, address]),
      [
        ["node-1", "10.213.7.10/24"],
        ["node-2", "10.213.7.11/24"],
      ],
    );
    const names = [bridge, ...nodes.map(({ hostLink }) => hostLink)];
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.ok(name.length <= 15, `${name} is longer than the kernel allows`);
  });

  it("names what two folders make differently, and the same folder's the same", () => {
    assert.notEqual(planUp(options).bridge, planUp({ ...options, dir: "/var/lib/two" }).bridge);
    assert.deepEqual(planUp(options), planUp(options));
  });

  it("keeps a hundred nodes' link names within the kernel's limit", () => {
    for (const { hostLink } of planUp({ ...options, nodes: 100 }).nodes) assert.ok(hostLink.length <= 15);
  });

  for (const [what, change, message] of [
    ["boxes beside local nodes", { boxes: "10.0.2.2" }, /--boxes needs --nodes 0/],
    ["boxes that dial a URL", { nodes: 0, boxes: "https://here" }, /--boxes https:\/\/here: write/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => planUp({ ...options, ...change }), message));
  }
});

describe("freeSubnetIndex", () => {
  it("takes the first that no address lies in", () => {
    assert.equal(freeSubnetIndex(["127.0.0.1", "10.213.0.1", "10.213.1.1"]), 2);
    assert.equal(freeSubnetIndex([]), 0);
  });

  it("says so when there is none", () => {
    const all = Array.from({ length: 256 }, (_, index) => `10.213.${index}.1`);
    assert.throws(() => freeSubnetIndex(all), /selvedge down/);
  });
});
