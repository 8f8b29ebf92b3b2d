import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";

const programs = ["unshare", "ip", "nft", "dnsmasq", "busybox", "conntrack", "curl", "dhcpcd", "perl"];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const alone = missing.length === 0 && spawnSync("unshare", ["-n", "-m", "true"]).status === 0;
const skip =
  missing.length > 0
    ? `${missing.join(", ")} not installed`
    : alone
      ? false
      : "needs root for a network namespace";

describe("network, in a namespace of its own", { skip, timeout: 600_000 }, () => {
  const worlds: readonly (readonly [string, string])[] = [
    ["serves, protects and separates two apps, and leaves nothing behind", "network-world.ts"],
    ["tells apps what they ask, and nobody else", "metadata-world.ts"],
    ["believes ports that lead to the controller, and goes back to them", "ports-world.ts"],
    ["shares the node's own card with apps on a switch", "shared-port-world.ts"],
    ["keeps to what access lists say, on every way in and out", "access-world.ts"],
    ["keeps to them by IPv6, and in frames with tags", "access6-world.ts"],
    ["serves apps that have IPv6 and nothing else", "local6-world.ts"],
    ["parts switches into VLANs, and finds their loops", "switch-world.ts"],
    ["leads names and addresses of services to the apps that are ready", "services-world.ts"],
  ];
  for (const [name, file] of worlds)
    it(name, () => {
      const script = join(import.meta.dirname, file);
      const ran = spawnSync("unshare", ["-n", "-m", process.execPath, script], { encoding: "utf8" });
      assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`);
    });
});
