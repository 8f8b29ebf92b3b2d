/** An app's access list as EVE writes it → AccessRules. Pure. */
import { isIP } from "node:net";
import { firewall } from "@selvedge/eve-api";
import type { AccessRule, PortRange, Remote, RuleAction } from "../desired.ts";

/** An entry that means nothing, or that the node cannot keep: the app must not run without it. */
export class AccessRuleFault extends Error {
  override name = "AccessRuleFault";
}

/** Entries of one list: more than this is a mistake, and a table of rules that slows every packet. */
const rulesMax = 1000;
const portMax = 65_535;

export function accessRules(acls: readonly firewall.ACE[], field: string): AccessRule[] {
  if (acls.length > rulesMax)
    throw new AccessRuleFault(`${field}: has ${acls.length} entries, this node takes ${rulesMax}`);
  return acls.map((acl, at) => accessRule(acl, `${field}[${at}]`));
}

const directions: Readonly<Record<number, AccessRule["direction"]>> = {
  [firewall.ACEDirection.BOTH]: "both",
  [firewall.ACEDirection.INGRESS]: "in",
  [firewall.ACEDirection.EGRESS]: "out",
};

function accessRule({ matches, actions, id, name, dir }: firewall.ACE, field: string): AccessRule {
  const direction = directions[dir];
  if (direction === undefined) throw new AccessRuleFault(`${field}.dir: ${dir} is no direction`);
  const parts = matchParts(matches, `${field}.matches`);
  const action = actionOf(actions, `${field}.actions`);
  if (parts.protocol === undefined && (parts.localPorts ?? parts.remotePorts) !== undefined)
    throw new AccessRuleFault(`${field}.matches: a port needs a match protocol beside it`);
  if (parts.localPorts !== undefined || parts.remotePorts !== undefined)
    if (!portProtocols.has(parts.protocol ?? -1))
      throw new AccessRuleFault(`${field}.matches: protocol ${parts.protocol} has no ports`);
  if (action.kind === "map") mapped(parts, field);
  return { ...{ id, name, direction }, ...parts, action };
}

function mapped({ protocol, localPorts }: MatchParts, field: string): void {
  if (protocol !== 6 && protocol !== 17)
    throw new AccessRuleFault(`${field}.matches: a port map needs a match protocol: tcp or udp`);
  if (localPorts === undefined || localPorts.first !== localPorts.last)
    throw new AccessRuleFault(`${field}.matches: a port map needs a match lport from 1 to 65535`);
}

type MatchParts = Pick<AccessRule, "remotes" | "protocol" | "remotePorts" | "localPorts" | "adapter">;

function matchParts(matches: readonly firewall.ACEMatch[], field: string): MatchParts {
  const remotes: Remote[] = [];
  let rest: Omit<MatchParts, "remotes"> = {};
  const seen = new Set<string>();
  for (const { type, value } of matches) {
    if (seen.has(type)) throw new AccessRuleFault(`${field}: has ${type} twice`);
    seen.add(type);
    switch (type) {
      case "ip":
        remotes.push(subnetOf(value, field));
        break;
      case "host":
        remotes.push(/^[\d.]+(\/\d+)?$|:/.test(value) ? subnetOf(value, field) : domainOf(value, field));
        break;
      case "eidset":
        remotes.push({ kind: "network" });
        break;
      case "protocol": {
        const protocol = protocolOf(value, field);
        if (protocol !== undefined) rest = { ...rest, protocol };
        break;
      }
      case "fport":
        rest = { ...rest, remotePorts: portsOf(value, `${field} fport`) };
        break;
      case "lport":
        rest = { ...rest, localPorts: portsOf(value, `${field} lport`) };
        break;
      case "adapter":
        if (value !== "") rest = { ...rest, adapter: value };
        break;
      default:
        throw new AccessRuleFault(`${field}: ${JSON.stringify(type)} is no kind of match`);
    }
  }
  if (seen.has("host") && seen.has("eidset"))
    throw new AccessRuleFault(`${field}: host and eidset exclude each other`);
  return { remotes, ...rest };
}

function subnetOf(value: string, field: string): Remote {
  const [address = "", length, more] = value.split("/");
  const version = isIP(address);
  const bits = Number(length ?? (version === 6 ? 128 : 32));
  const most = version === 6 ? 128 : 32;
  if (version === 0 || more !== undefined || !/^\d{1,3}$/.test(`${bits}`) || bits > most)
    throw new AccessRuleFault(`${field}: ${JSON.stringify(value)} is neither an address nor a network`);
  return { kind: "subnet", cidr: `${address}/${bits}` };
}

function domainOf(value: string, field: string): Remote {
  const name = value.toLowerCase().replace(/\.$/, "").replace(/^\*\./, "");
  if (
    name.length > 253 ||
    !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name)
  )
    throw new AccessRuleFault(`${field}: ${JSON.stringify(value)} is not a domain`);
  return { kind: "domain", name };
}

/** Of IANA's list, what somebody may write by name. */
const protocols: Readonly<Record<string, number>> = {
  ...{ icmp: 1, igmp: 2, ipip: 4, tcp: 6, egp: 8, udp: 17, dccp: 33, gre: 47, esp: 50, ah: 51 },
  ...{ "ipv6-icmp": 58, icmpv6: 58, ospf: 89, pim: 103, vrrp: 112, l2tp: 115, sctp: 132, udplite: 136 },
};
const portProtocols: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

function protocolOf(value: string, field: string): number | undefined {
  const text = value.toLowerCase();
  if (text === "all" || text === "") return undefined;
  const number = protocols[text] ?? (/^\d{1,3}$/.test(text) ? Number(text) : 256);
  if (number > 255) throw new AccessRuleFault(`${field}: ${JSON.stringify(value)} is no protocol`);
  return number === 0 ? undefined : number;
}

function portsOf(value: string, field: string): PortRange {
  const [, from = "", to = from] = /^(\d{1,5})(?:[:-](\d{1,5}))?$/.exec(value) ?? [];
  const [first, last] = [Number(from || 0), Number(to || 0)];
  if (first < 1 || last > portMax || last < first)
    throw new AccessRuleFault(`${field}: ${JSON.stringify(value)} is not a port from 1 to ${portMax}`);
  return { first, last };
}

const units: Readonly<Record<string, "second" | "minute" | "hour" | "day">> = {
  ...{ "": "second", s: "second", sec: "second", second: "second", m: "minute", min: "minute" },
  ...{ minute: "minute", h: "hour", hour: "hour", d: "day", day: "day" },
};
/** What a limit without a rate means to iptables, and so to EVE. */
const rateDefault = { rate: 3, unit: "hour" } as const;
const burstDefault = 5;
/** The kernel counts a rate in 32 bits. */
const rateMax = 1_000_000_000;

function actionOf(actions: readonly firewall.ACEAction[], field: string): RuleAction {
  if (actions.length > 1) throw new AccessRuleFault(`${field}: has ${actions.length}; write one`);
  const [action] = actions;
  if (action === undefined) return { kind: "allow" };
  if ([action.drop, action.limit, action.portmap].filter(Boolean).length > 1)
    throw new AccessRuleFault(`${field}[0]: drop, limit and portmap exclude each other`);
  if (action.drop) return { kind: "drop" };
  if (action.portmap) {
    if (action.appPort < 1 || action.appPort > portMax)
      throw new AccessRuleFault(`${field}[0].appPort: ${action.appPort} is not a port`);
    return { kind: "map", appPort: action.appPort };
  }
  if (!action.limit) return { kind: "allow" };
  const unit = units[action.limitunit.toLowerCase()];
  if (unit === undefined)
    throw new AccessRuleFault(
      `${field}[0].limitunit: ${JSON.stringify(action.limitunit)} is no unit of time`,
    );
  if (action.limitrate > rateMax)
    throw new AccessRuleFault(`${field}[0].limitrate: ${action.limitrate} is more than ${rateMax}`);
  const rate = action.limitrate === 0 ? rateDefault : { rate: action.limitrate, unit };
  return { kind: "limit", ...rate, burst: Math.min(action.limitburst, rateMax) || burstDefault };
}
