import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { noNamespace, runInNamespace } from "./own-namespace.ts";

const programs = ["ip", "nft", "dnsmasq", "busybox", "conntrack", "curl", "dhcpcd", "perl"];
const skip = noNamespace(programs);

describe("network, in a namespace of its own", { skip, timeout: 600_000 }, () => {
  const worlds: readonly (readonly [string, string])[] = [
    ["serves, protects and separates two apps, and leaves nothing behind", "network-world.ts"],
    ["tells apps what they ask, and nobody else", "metadata-world.ts"],
    ["believes ports that lead to the controller, and goes back to them", "ports-world.ts"],
    ["leaves by the port that leads there, and comes back to it", "ways-world.ts"],
    ["uses a modem last that leads nowhere, and connects it anew", "modem-world.ts"],
    ["shares the node's own card with apps on a switch", "shared-port-world.ts"],
    ["keeps to what access lists say, on every way in and out", "access-world.ts"],
    ["keeps to them by IPv6, and in frames with tags", "access6-world.ts"],
    ["serves apps that have IPv6 and nothing else", "local6-world.ts"],
    ["parts switches into VLANs, and finds their loops", "switch-world.ts"],
    ["leads names and addresses of services to the apps that are ready", "services-world.ts"],
  ];
  for (const [name, file] of worlds)
    it(name, () => {
      const { status, said } = runInNamespace(file);
      assert.equal(status, 0, said);
    });
});
