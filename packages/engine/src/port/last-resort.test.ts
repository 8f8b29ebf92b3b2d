import assert from "node:assert/strict";
import { it } from "node:test";
import { lastResort } from "./last-resort.ts";

it("wired cards ask their network, whichever they are; nothing else does", () => {
  const cards = ["lo", "enp0s2", "eth0", "wlan0", "svb0", "eth0.100", "wwan0", "docker0", "enx525400123456"];
  const ports = lastResort(cards);
  assert.deepEqual(
    ports.map(({ name }) => name),
    ["enp0s2", "enx525400123456", "eth0"],
  );
  assert.ok(ports.every(({ uplink, address }) => uplink && address?.kind === "dhcp"));
});
