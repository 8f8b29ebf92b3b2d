import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import { parseFlags } from "./flags.ts";

const addresses: readonly (readonly [string, string | RegExp])[] = [
  ["127.0.0.1:6443", "127.0.0.1:6443"],
  ["[::1]:1", "[::1]:1"],
  ["edge.example.com:65535", "edge.example.com:65535"],
  ["localhost:0", "localhost:0"],
  ["6443", /--x: "6443" is not HOST:PORT/],
  ["::1", /in brackets: \[::1\]:6443/],
  [":6443", /--x: "" is neither/],
  ["1.2.3.400:1", /neither a host name nor an IP address/],
  ["a b:1", /neither a host name/],
  ["[fe80]:1", /not an IPv6 address/],
  ["host:65536", /port 65536 is not one of 0 to 65535/],
  ["host:-1", /not HOST:PORT/],
];

for (const [text, expected] of addresses) {
  test(`address ${text}`, () => {
    if (typeof expected === "string") assert.equal(formatAddress(parseAddress(text, "--x")), expected);
    else assert.throws(() => parseAddress(text, "--x"), expected);
  });
}

const flags: readonly (readonly [string, Record<string, string> | RegExp | "help"])[] = [
  ["--help", "help"],
  [
    "--data d",
    {
      kubeListen: "127.0.0.1:6443",
      deviceListen: "0.0.0.0:6444",
      advertiseKube: "127.0.0.1:6443",
      advertiseDevice: "127.0.0.1:6444",
    },
  ],
  ["--data d --device-listen [::]:1", { advertiseDevice: "[::1]:1" }],
  ["--data d --advertise-device 10.1.2.3:7", { deviceListen: "0.0.0.0:6444", advertiseDevice: "10.1.2.3:7" }],
  ["", /--data: a folder is needed/],
  ["--data d --service-cluster-ip-range fd00::/64", /no range of IPv4 between \/8 and \/29/],
  ["--data d --advertise-device 0.0.0.0:7", /nobody can dial/],
  ["--data d --advertise-kube h:0", /port 0 cannot be dialled/],
  ["--data d --kube-listen 127.0.0.1:6444", /port 6444 is the Kubernetes port already/],
  ["--data d --verbose", { kubeListen: "127.0.0.1:6443" }],
  ["--data d --node-rate=-1", /--node-rate: -1 is no whole number/],
  ["--data d --node-rate 1.5", /--node-rate: 1.5 is no whole number/],
  ["--data d --wat", /Unknown option '--wat'/],
];

for (const [line, expected] of flags) {
  test(`flags ${line || "(none)"}`, () => {
    const args = line.split(" ").filter((word) => word !== "");
    if (expected instanceof RegExp) return assert.throws(() => parseFlags(args), expected);
    const parsed = parseFlags(args);
    if (expected === "help" || parsed === "help") return assert.equal(parsed, expected);
    for (const [name, text] of Object.entries(expected)) {
      const value: Address = parsed[name as "kubeListen"];
      assert.equal(formatAddress(value), text, name);
    }
  });
}

test("flags say how much a node may ask for", () => {
  const rateOf = (...args: string[]): unknown => {
    const parsed = parseFlags(["--data", "d", ...args]);
    return parsed === "help" ? parsed : parsed.nodeRate;
  };
  assert.deepEqual(
    [rateOf(), rateOf("--node-rate", "7"), rateOf("--node-rate", "0")],
    [50, 7, Number.POSITIVE_INFINITY],
  );
});
