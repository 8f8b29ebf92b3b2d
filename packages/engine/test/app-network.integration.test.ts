import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { skip as noMachines } from "./app-world.ts";
import { noNamespace, runInNamespace } from "./own-namespace.ts";

const skip = noMachines || noNamespace(["ip", "nft", "dnsmasq", "busybox", "setpriv"]);

describe("apps on a network, in a namespace of its own", { skip, timeout: 900_000 }, () => {
  it("reach what they may and nothing else, without rights on the node", () => {
    const { status, said } = runInNamespace("app-network-world.ts", 800_000);
    assert.equal(status, 0, said);
  });
});
