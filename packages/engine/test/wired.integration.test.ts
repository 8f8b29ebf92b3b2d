import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { noNamespace, runInNamespace } from "./own-namespace.ts";

const programs = [
  "ip",
  "dnsmasq",
  "busybox",
  "hostapd",
  "wpa_supplicant",
  "wpa_cli",
  "scepserver",
  "openssl",
];
const skip = noNamespace(programs);

describe("a port that shows its switch who the node is", { skip, timeout: 600_000 }, () => {
  it("gets a certificate of an authority, is let in, and asks the network behind for an address", () => {
    const { status, said } = runInNamespace("wired-world.ts");
    assert.equal(status, 0, said);
  });
});
