/** What wpa_supplicant says while it tries, folded line by line. Pure. */

export interface WifiProgress {
  readonly joined: boolean;
  /** Why not, as far as is known. */
  readonly problem: string | undefined;
  /** Networks that will not have us with what we know. */
  readonly refused: readonly string[];
}

export const startedWifi: WifiProgress = { joined: false, problem: undefined, refused: [] };

export function withEvent(before: WifiProgress, line: string): WifiProgress {
  if (line.includes("CTRL-EVENT-CONNECTED")) return { joined: true, problem: undefined, refused: [] };
  if (line.includes("CTRL-EVENT-DISCONNECTED"))
    return { ...before, joined: false, problem: before.problem ?? "the connection was lost" };
  if (line.includes("CTRL-EVENT-NETWORK-NOT-FOUND"))
    // What was refused is in reach.
    return before.refused.length > 0 ? before : { ...before, problem: "no network of that name is in reach" };
  if (/CTRL-EVENT-EAP-(FAILURE|TLS-CERT-ERROR)/.test(line))
    return { ...before, problem: "the network does not let this user in: user name or password is wrong" };
  const [, ssid, reason] =
    /CTRL-EVENT-SSID-TEMP-DISABLED .*ssid="(.*)" auth_failures=.*reason=(\w+)/.exec(line) ?? [];
  if (ssid !== undefined && reason !== undefined) return refused(before, ssid, reason);
  const [, status] = /CTRL-EVENT-(?:ASSOC|AUTH)-REJECT .*status_code=(\d+)/.exec(line) ?? [];
  if (status !== undefined) return { ...before, problem: before.problem ?? rejected(status) };
  return before;
}

function refused(before: WifiProgress, ssid: string, reason: string): WifiProgress {
  const others = before.refused.filter((it) => it !== ssid);
  const why =
    reason === "WRONG_KEY"
      ? `${ssid}: the password is wrong`
      : reason === "AUTH_FAILED"
        ? `${ssid}: user name or password is wrong`
        : `${ssid}: the network lets nobody in with what is known of it (${before.problem ?? reason})`;
  return { joined: false, problem: why, refused: [...others, ssid] };
}

/** 1 is what both forms of a wrong password look like to WPA3. */
function rejected(status: string): string {
  return `the network refuses (status ${status}${status === "1" ? ", which a wrong password is told by" : ""})`;
}
