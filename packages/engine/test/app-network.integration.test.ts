import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { skip as noMachines } from "./app-world.ts";

const programs = ["unshare", "ip", "nft", "dnsmasq", "busybox", "setpriv"];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const alone = missing.length === 0 && spawnSync("unshare", ["-n", "-m", "true"]).status === 0;
const noNetwork =
  missing.length > 0 ? `${missing.join(", ")} not installed` : !alone && "needs root for a namespace";

describe("apps on a network, in a namespace of its own", {
  skip: noMachines || noNetwork,
  timeout: 900_000,
}, () => {
  it("reach what they may and nothing else, without rights on the node", () => {
    const script = join(import.meta.dirname, "app-network-world.ts");
    const ran = spawnSync("unshare", ["-n", "-m", process.execPath, script], {
      encoding: "utf8",
      timeout: 800_000,
    });
    assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`);
  });
});
