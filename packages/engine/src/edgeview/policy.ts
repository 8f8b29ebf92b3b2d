/** What a command touches, and whether the configuration lets it. Pure. */
import { isIPv4 } from "node:net";
import type { EdgeviewSpec } from "../desired.ts";
import type { ProgramWish } from "./edgeview-net.ts";
import { type Fault, lookOf } from "./look.ts";

/** A command as EVE's client sends it. */
export interface Command {
  readonly network: string;
  readonly system: string;
  readonly pubsub: string;
  readonly logopt: string;
  readonly timerange: string;
  /** What of the log: `app`, `dev` or both. */
  readonly logtype: string;
  /** Each record over several lines. */
  readonly isJson: boolean;
  /** As many lines, of the end where it is below zero; of a log, around each that matches. */
  readonly extraline: number;
  readonly userinfo: string;
  readonly clientEPAddr: string;
}

export type Touched = "device" | "app" | "external";

export type Verdict =
  | { readonly allowed: true; readonly touched: readonly Touched[] }
  | { readonly allowed: false; readonly why: string };

export interface Addresses {
  /** Cards of the node that carry what apps say. */
  readonly appCards: ReadonlySet<string>;
  readonly device: ReadonlySet<string>;
  readonly apps: ReadonlySet<string>;
  /** Numbers of the screens that apps have. */
  readonly screens: ReadonlySet<number>;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The node is to be a browser's proxy; where to is judged at each connection. */
export interface ProxyTarget {
  readonly proxy: true;
  /** Knows the names that the browser asks for; undefined: the node's own. */
  readonly nameServer: string | undefined;
}

const deviceRefused = "EVE policy not allow";
const appRefused = "App policy not allow";
const nameRefused = "Device and App policy not allow names; give an address";
/** Connections of one command; EVE's own bound. */
const targetsMax = 5;
const commandMax = 4096;
/** EVE's own list of everything, for who helps from afar, has fewer. */
const itemsMax = 24;

export function readCommand(message: Uint8Array): Command | undefined {
  if (message.length > commandMax) return undefined;
  try {
    const value = JSON.parse(new TextDecoder().decode(message)) as Record<string, unknown>;
    const text = (key: keyof Command): string => (typeof value[key] === "string" ? value[key] : "");
    const { extraline, isJSON } = value;
    return {
      ...{ network: text("network"), system: text("system"), pubsub: text("pubsub") },
      ...{ logopt: text("logopt"), timerange: text("timerange"), logtype: text("logtype") },
      ...{ isJson: isJSON === true, extraline: Number.isSafeInteger(extraline) ? Number(extraline) : 0 },
      ...{ userinfo: text("userinfo").slice(0, 64), clientEPAddr: text("clientEPAddr").slice(0, 64) },
    };
  } catch {
    return undefined;
  }
}

/** A list with commas is as many commands. */
export function itemsOf({ network, system, pubsub }: Command): readonly string[] {
  const items = (network || system || `pub/${pubsub}`).split(",").map((it) => it.trim());
  return items.filter((it) => it !== "");
}

/** As it is written in the audit. */
export function commandText({ network, system, pubsub, logopt, timerange }: Command): string {
  if (network !== "") return network;
  if (system !== "") return system;
  if (pubsub !== "") return `pub/${pubsub}`;
  return timerange === "" ? `log/${logopt}` : `log/${logopt} -time ${timerange}`;
}

/** Undefined: no relay is asked for. A fault names what is wrong with it. */
export function targetsOf({ network }: Command): readonly (Target | ProxyTarget)[] | Fault | undefined {
  if (!network.startsWith("tcp/")) return undefined;
  const parts = network.slice("tcp/".length).split("/");
  if (parts.length > targetsMax) return { fault: `TCP syntax error: at most ${targetsMax} addresses` };
  const targets: (Target | ProxyTarget)[] = [];
  for (const part of parts) {
    const [proxy, nameServer] = /^proxy(?:@([\d.]+))?$/.exec(part) ?? [];
    if (proxy !== undefined) {
      if (targets.some((it) => "proxy" in it)) return { fault: "can not setup multiple proxies" };
      if (nameServer !== undefined && !isIPv4(nameServer))
        return { fault: `TCP syntax error: ${nameServer} is not an address` };
      targets.push({ proxy: true, nameServer });
      continue;
    }
    const [, host = "", port = ""] = /^([\w.-]+):(\d{1,5})$/.exec(part) ?? [];
    if (host === "" || Number(port) < 1 || Number(port) > 65_535)
      return { fault: `TCP syntax error: ${part} is not address:port` };
    targets.push({ host, port: Number(port) });
  }
  return targets;
}

/** Where VNC is by custom, one port a screen; EVE counts as many. */
const [screenPort, screensMax] = [5900, 64];

/** The screen that an address of the node's own stands for. */
export function screenOf({ host, port }: Target): number | undefined {
  const own = host === "localhost" || host === "127.0.0.1";
  return own && port >= screenPort && port < screenPort + screensMax ? port - screenPort : undefined;
}

export function judge(
  command: Command,
  spec: EdgeviewSpec,
  addresses: Addresses,
  controllerHost: string,
): Verdict {
  const listed = targetsOf(command);
  if (listed !== undefined && "fault" in listed) return { allowed: false, why: listed.fault };
  const targets = listed?.filter((it): it is Target => !("proxy" in it));
  if (targets !== undefined) return judgeTargets(targets, spec, addresses);
  if (!spec.allowDevice) return { allowed: false, why: deviceRefused };
  const capture = captureOf(command);
  if (capture !== undefined && "fault" in capture) return { allowed: false, why: capture.fault };
  if (command.logopt === "" && itemsOf(command).length > itemsMax)
    return { allowed: false, why: `more than ${itemsMax} commands in one` };
  const ofApps =
    capture === undefined
      ? command.logopt === "" && itemsOf(command).some((item) => looksAtApps(item, addresses, controllerHost))
      : addresses.appCards.has(capture.card);
  if (ofApps && !spec.allowApp) return { allowed: false, why: appRefused };
  return { allowed: true, touched: [ofApps ? "app" : "device"] };
}

/** It shows whom apps speak to, or speaks to one. */
function looksAtApps(item: string, { apps }: Addresses, controllerHost: string): boolean {
  const [, name = "", rest = ""] = /^([^/]*)\/?(.*)$/s.exec(item) ?? [];
  const look = lookOf(name, rest, controllerHost);
  if (look === undefined || "fault" in look) return false;
  return look.ofApps === true || (look.host !== undefined && apps.has(look.host));
}

export function judgeTargets(targets: readonly Target[], spec: EdgeviewSpec, addresses: Addresses): Verdict {
  const touched = targets.map((target) => placeOf(target, addresses));
  // A name is looked up by the node and may mean anything, the node and its apps as well.
  const named = targets.some(({ host }) => !isIPv4(host) && host !== "localhost");
  if (named && !(spec.allowDevice && spec.allowApp)) return { allowed: false, why: nameRefused };
  if (touched.includes("device") && !spec.allowDevice) return { allowed: false, why: deviceRefused };
  if (touched.includes("app") && !spec.allowApp) return { allowed: false, why: appRefused };
  if (touched.includes("external") && !spec.allowExternal)
    return { allowed: false, why: "External policy not allow" };
  return { allowed: true, touched };
}

function placeOf(target: Target, { device, apps, screens }: Addresses): Touched {
  const { host } = target;
  const screen = screenOf(target);
  if (apps.has(host) || (screen !== undefined && screens.has(screen))) return "app";
  const local = host === "localhost" || host === "0.0.0.0" || host.startsWith("127.");
  return local || device.has(host) ? "device" : "external";
}

const captureUsual = { seconds: 60, packets: 100 } as const;
/** EVE's own bound. */
const captureSecondsMax = 120;
const filterMax = 200;

/** Headers only, as lines, each as it comes. */
const captureWords = ["tcpdump", "-n", "-l", "-s", "128", "-c", `${captureUsual.packets}`] as const;

/** What tcpdump is to show; undefined: the command asks for something else. */
export function captureOf({
  network,
  timerange,
}: Command): (ProgramWish & { readonly card: string }) | Fault | undefined {
  if (!/^tcpdump(\/|$)/.test(network)) return undefined;
  const [, card = "", filter = ""] = /^tcpdump\/([\w.-]{1,15})(?:\/(.*))?$/.exec(network) ?? [];
  if (card === "" || card === "any" || card.startsWith("-"))
    return { fault: "tcpdump needs the name of one card: tcpdump/eth0/port 443" };
  if (filter.length > filterMax || !/^[\w .:/()!=<>&|[\]-]*$/.test(filter))
    return { fault: "tcpdump command has invalid option" };
  const asked = /^\d{1,6}$/.test(timerange) ? Number(timerange) : captureUsual.seconds;
  const seconds = Math.min(Math.max(1, asked), captureSecondsMax);
  // Behind the end of options nothing names a file or starts a program.
  const wanted = filter.trim() === "" ? [] : [filter.trim()];
  return { card, seconds, words: [...captureWords, "-i", card, "--", ...wanted] };
}
