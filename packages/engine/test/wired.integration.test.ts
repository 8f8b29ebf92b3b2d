import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";

const programs = [
  "unshare",
  "ip",
  "dnsmasq",
  "busybox",
  "hostapd",
  "wpa_supplicant",
  "wpa_cli",
  "scepserver",
  "openssl",
];
const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
const alone = missing.length === 0 && spawnSync("unshare", ["-n", "-m", "true"]).status === 0;
const skip =
  missing.length > 0
    ? `${missing.join(", ")} not installed`
    : alone
      ? false
      : "needs root for a network namespace";

describe("a port that shows its switch who the node is", { skip, timeout: 600_000 }, () => {
  it("gets a certificate of an authority, is let in, and asks the network behind for an address", () => {
    const script = join(import.meta.dirname, "wired-world.ts");
    const ran = spawnSync("unshare", ["-n", "-m", process.execPath, script], { encoding: "utf8" });
    assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`);
  });
});
