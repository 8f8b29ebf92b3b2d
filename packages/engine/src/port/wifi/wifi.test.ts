import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WifiLogin } from "../port-driver.ts";
import { loginFault, supplicantConfig } from "./wifi-config.ts";
import { startedWifi, type WifiProgress, withEvent } from "./wifi-events.ts";

const login: WifiLogin = { ssid: "shop", security: "psk", priority: 0, user: "", password: "secret word" };
const key = "0123456789abcdef".repeat(4);

describe("the configuration of a Wi-Fi card", () => {
  const rows: readonly (readonly [string, Partial<WifiLogin>, readonly string[]])[] = [
    ["a password, by WPA2 and WPA3", {}, ["key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", 'psk="secret word"']],
    ["a key, which is WPA2's", { password: key }, ["key_mgmt=WPA-PSK WPA-PSK-SHA256", `psk=${key}`]],
    ["nothing", { security: "open", password: "" }, ["key_mgmt=NONE"]],
    [
      "a user and a password",
      { security: "eap", user: "ann", password: 'a"}\n' },
      [
        "key_mgmt=WPA-EAP WPA-EAP-SHA256",
        "eap=PEAP TTLS",
        'phase2="auth=MSCHAPV2"',
        "identity=616e6e",
        "password=61227d0a",
      ],
    ],
    [
      "a user and the hash of a password",
      { security: "eap", user: "ann", password: key.slice(0, 32) },
      [
        "key_mgmt=WPA-EAP WPA-EAP-SHA256",
        "eap=PEAP TTLS",
        'phase2="auth=MSCHAPV2"',
        "identity=616e6e",
        `password=hash:${key.slice(0, 32)}`,
      ],
    ],
  ];
  for (const [name, more, keys] of rows)
    it(`lets it in with ${name}`, () => {
      const lines = ["ssid=73686f70", "scan_ssid=1", "priority=0", ...keys];
      const block = `network={\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
      assert.equal(supplicantConfig([{ ...login, ...more }]), `pmf=1\nsae_pwe=2\n${block}`);
    });

  const faults: readonly (readonly [RegExp | undefined, Partial<WifiLogin>])[] = [
    [undefined, {}],
    [undefined, { password: key }],
    [undefined, { security: "open", password: "" }],
    [/8 to 63/, { password: "short" }],
    [/8 to 63/, { password: "long enough\n}" }],
    [/8 to 63/, { password: key.slice(1) + "xy" }],
    [/a user name and a password/, { security: "eap" }],
  ];
  for (const [why, more] of faults)
    it(`${why === undefined ? "takes" : `says ${why.source} of`} ${JSON.stringify(more).slice(0, 40)}`, () => {
      const told = loginFault({ ...login, ...more });
      if (why === undefined) assert.equal(told, undefined);
      else assert.match(told ?? "", why);
    });
});

describe("what a Wi-Fi card meets", () => {
  const wrongKey =
    'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="shop" auth_failures=1 duration=10 reason=WRONG_KEY';
  const missing = "wlan0: CTRL-EVENT-NETWORK-NOT-FOUND";
  const lost = "wlan0: CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:00:00 reason=15";
  const connected = "wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:00 completed [id=0 id_str=]";
  const rows: readonly (readonly [string, readonly string[], Partial<WifiProgress>])[] = [
    ["nothing yet", ["wlan0: SME: Trying to authenticate"], startedWifi],
    ["a network that takes it", [missing, connected], { joined: true, problem: undefined }],
    ["no network", [missing], { joined: false, problem: "no network of that name is in reach" }],
    [
      "a wrong password",
      [lost, wrongKey, missing],
      { joined: false, problem: "shop: the password is wrong", refused: ["shop"] },
    ],
    [
      "a user that is not let in",
      [
        "wlan0: CTRL-EVENT-EAP-FAILURE EAP authentication failed",
        wrongKey.replace("WRONG_KEY", "AUTH_FAILED"),
      ],
      { problem: "shop: user name or password is wrong", refused: ["shop"] },
    ],
    ["a connection that was lost", [connected, lost], { joined: false, problem: "the connection was lost" }],
    [
      "a network that refuses",
      ["wlan0: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:00:00 status_code=17"],
      { problem: "the network refuses (status 17)" },
    ],
  ];
  for (const [name, lines, wanted] of rows)
    it(`is ${name}`, () => {
      const progress = lines.reduce(withEvent, startedWifi);
      assert.deepEqual({ ...progress, ...wanted }, progress);
    });
});
