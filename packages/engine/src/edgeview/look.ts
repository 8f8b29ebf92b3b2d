/**
 * What a command has the node's own programs tell, and what is told by none. Pure: every word that a program is
 * started with is written here, or checked here, and none of them changes anything.
 */

export type Words = readonly [program: string, ...args: readonly string[]];

export interface Look {
  readonly programs: readonly Words[];
  /** Only lines with this in them; empty: all. */
  readonly only: string;
  /** Whom it speaks to; not there: nobody but the kernel. */
  readonly host?: string;
  /** It shows whom apps speak to. */
  readonly ofApps?: true;
}

export interface Fault {
  readonly fault: string;
}

/** EVE's commands that are not done here, and why. */
export const refusals: Readonly<Record<string, string>> = {
  addhost: "nothing changes by looking; names are the networks' to say",
  mdns: "the node asks no network who is on it; tcp/ leads to addresses that are known",
  pprof: "the engine listens nowhere for that",
  pub: "the node has no services of EVE's that publish; see app, volume, connectivity and techsupport",
  speed: "a measurement would take the line from the apps; what went through it is in the node's metrics",
  url: "what each address was asked is in the node's metrics, not counted a second time here",
};

const hostMax = 253;

/** Undefined: no program tells this. */
export function lookOf(name: string, rest: string, controllerHost: string): Look | Fault | undefined {
  const fixed = Object.hasOwn(fixedLooks, name) ? fixedLooks[name] : undefined;
  if (fixed !== undefined) return { ...fixed, only: rest };
  switch (name) {
    case "ping":
      return pingOf(rest, controllerHost);
    case "trace":
      return asked(rest === "" ? controllerHost : rest, (host) => ["traceroute", ...hops, host]);
    case "nslookup":
      return asked(rest === "" ? controllerHost : rest, (host) => ["nslookup", host]);
    default:
      return undefined;
  }
}

/** Ten hops, two questions each, a second for an answer: EVE's own bounds. */
const hops = ["-n", "-m", "10", "-q", "2", "-w", "1"] as const;
const pings = ["-c", "4", "-W", "2"] as const;

const fixedLooks: Readonly<Record<string, Omit<Look, "only">>> = {
  acl: { programs: [["nft", "list", "ruleset"]] },
  arp: { programs: [["ip", "neigh", "show"]] },
  dmesg: { programs: [["dmesg"]] },
  du: { programs: [["df", "-h"]] },
  flow: { programs: [["conntrack", "-L"]], ofApps: true },
  // Without their words: what a program was started with is nobody's to read.
  ps: { programs: [["busybox", "ps", "-o", "pid,ppid,user,stat,vsz,rss,comm"]] },
  route: {
    programs: [
      ["ip", "rule", "show"],
      ["ip", "route", "show", "table", "all"],
      ["ip", "-6", "route", "show", "table", "all"],
    ],
  },
  socket: {
    programs: [
      ["ss", "-tunlp"],
      ["ss", "-tn", "state", "established"],
    ],
  },
};

/** `ping`, `ping/host` or `ping/card/host`. */
function pingOf(rest: string, controllerHost: string): Look | Fault {
  const parts = rest.split("/");
  if (parts.length > 2) return { fault: "ping needs a host, or a card and a host: ping/eth0/192.0.2.1" };
  const host = parts.at(-1) || controllerHost;
  const card = parts.length === 2 ? parts[0] : undefined;
  if (card !== undefined && !/^\w[\w.-]{0,14}$/.test(card)) return { fault: `${card} is not a card's name` };
  const by = card === undefined ? [] : ["-I", card];
  return asked(host, (it) => ["ping", ...pings, ...by, it]);
}

function asked(host: string, words: (host: string) => readonly string[]): Look | Fault {
  if (host.length > hostMax || !/^\w[\w.:-]*$/.test(host))
    return { fault: `${host.slice(0, hostMax)} is not a name or an address` };
  return { programs: [["busybox", ...words(host)]], only: "", host };
}
