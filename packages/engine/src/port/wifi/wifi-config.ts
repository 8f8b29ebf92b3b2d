/** wpa_supplicant's configuration for one card. Pure. */
import type { WifiLogin } from "../port-driver.ts";

/**
 * Names and passwords are written as hexadecimal digits, so that nothing in them can be taken for a setting. A
 * password of 64 such digits is the key itself, and one of 32 for an account its hash: EVE's controllers send
 * both so.
 */
export function supplicantConfig(networks: readonly WifiLogin[]): string {
  // Frames that manage the connection are protected where the network can; both forms of WPA3's first step.
  return ["pmf=1", "sae_pwe=2", ...networks.map(networkBlock)].join("\n");
}

function networkBlock(login: WifiLogin): string {
  const lines = [`ssid=${hex(login.ssid)}`, "scan_ssid=1", `priority=${login.priority}`, ...keys(login)];
  return `network={\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
}

function keys({ security, user, password }: WifiLogin): readonly string[] {
  if (security === "open") return ["key_mgmt=NONE"];
  if (security === "eap") {
    const secret = /^[\da-f]{32}$/i.test(password) ? `hash:${password}` : hex(password);
    return [
      "key_mgmt=WPA-EAP WPA-EAP-SHA256",
      "eap=PEAP TTLS",
      'phase2="auth=MSCHAPV2"',
      `identity=${hex(user)}`,
      `password=${secret}`,
    ];
  }
  // The key itself is of no use to WPA3, which wants to know the password.
  if (/^[\da-f]{64}$/i.test(password)) return ["key_mgmt=WPA-PSK WPA-PSK-SHA256", `psk=${password}`];
  return ["key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", `psk="${password}"`];
}

/** Why a network cannot be joined, whoever it is; undefined: nothing is wrong with what is known of it. */
export function loginFault({ ssid, security, user, password }: WifiLogin): string | undefined {
  if (security === "eap")
    return user === "" || password === "" ? `${ssid}: a user name and a password are needed` : undefined;
  if (security === "open" || /^[\da-f]{64}$/i.test(password)) return undefined;
  // What the standard takes for one.
  return /^[\x20-\x7e]{8,63}$/.test(password)
    ? undefined
    : `${ssid}: a password has 8 to 63 letters, digits and signs of ASCII, or is a key of 64 hexadecimal digits`;
}

function hex(text: string): string {
  return new TextEncoder().encode(text).toHex();
}
