/**
 * An app's access list as rules of nftables. Pure.
 *
 * On a local network every packet is routed, so connections are known: what an app or its peer begins is
 * judged once in the order of the list, and the answer is remembered in the connection's mark with the rule
 * that gave it; what follows is let through, and counted against the rule's limit if it has one. On a switch
 * frames pass below the routing, where this kernel family tracks nothing: there each packet is judged for
 * itself, and a rule for one direction lets the answers of the other through by what they look like.
 */
import { createHash } from "node:crypto";
import type { AccessRule, PortRange, Remote } from "../desired.ts";
import { type Family, familyOf } from "./address.ts";
import { deniedSet, deniedSets, droppingPlaces } from "./denied-sets.ts";
import type { Plug } from "./plug.ts";

export interface ListContext {
  /** Addresses of the network's apps and of the names of its own. */
  readonly peers: readonly string[];
  /** What a local network speaks. */
  readonly family: Family;
  /** Cards a name or label of a port means; undefined: every one that leads outside. */
  readonly interfacesOf: (label: string) => readonly string[] | undefined;
  /** The switch knows of VLANs: a frame in one is judged by what is in it. */
  readonly vlans: boolean;
  /** Dropped packets are noted with whom they were for. */
  readonly noted: boolean;
  /** Of the node's services: who asks one means the app that answers. */
  readonly services: string | undefined;
}

export type Way = "out" | "in";

/** Objects of one plug in its table: counters, one limit a rule and direction, then its chains. */
export function localList(plug: Plug, context: ListContext): string {
  const chains = (["out", "in"] as const).flatMap((way) => [
    denial(plug, way, context.noted ? context.family : undefined),
    ...droppingPlaces(plug).map((at) => denial(plug, way, context.noted ? context.family : undefined, at)),
    chain(plug, way, context),
    ...(way === "out" && outChain(plug, context) !== ownOut(plug) ? [served(plug, context)] : []),
  ]);
  return [
    counters(plug),
    limits(plug),
    context.noted ? deniedSets(plug, context.family) : "",
    ...chains,
  ].join("");
}

export function switchList(plug: Plug, context: ListContext): string {
  const parts = [counters(plug), limits(plug)];
  for (const way of ["out", "in"] as const) {
    const rules = plug.rules.flatMap((rule) => switchRule(plug, rule, way, context));
    parts.push(denial(plug, way, undefined));
    parts.push(
      block(`${way}_${plug.tap}`, [
        ...essentials(plug, way, context),
        ...rules,
        `goto ${denialOf(plug, way)}`,
      ]),
    );
  }
  return parts.join("");
}

/** Which counters of a plug there are; their names are these behind the tap's. */
const counterKinds = ["out_denied", "in_denied", "out_limited", "in_limited"] as const;

function counters({ tap }: Plug): string {
  return counterKinds.map((kind) => `  counter ${tap}_${kind} { }\n`).join("");
}

function limits({ tap, rules }: Plug): string {
  return rules
    .flatMap((rule, at) => {
      if (rule.action.kind !== "limit") return [];
      const { rate, unit, burst } = rule.action;
      return (["out", "in"] as const)
        .filter((way) => applies(rule, way))
        .map((way) => `  limit ${tap}_${way}_${at} { rate over ${rate}/${unit} burst ${burst} packets }\n`);
    })
    .join("");
}

/** Of a plug that limits something, what packets of judged connections have to pass; else nothing. */
export function limitChain(plug: Plug, way: Way): string | undefined {
  const lines = plug.rules.flatMap((rule, at) => {
    if (rule.action.kind !== "limit" || !applies(rule, way)) return [];
    const over = `limit name "${plug.tap}_${way}_${at}" counter name "${plug.tap}_${way}_limited" drop`;
    // The half of the mark tells whose list judged: what goes out belongs to a connection that this app
    // began, or answers one that it was asked for.
    const [begun, answered] = way === "out" ? ["out", "in"] : ["in", "out"];
    return [
      `ct direction original ${marked(begun as Way, at)} ${over}`,
      `ct direction reply ${marked(answered as Way, at)} ${over}`,
    ];
  });
  return lines.length === 0 ? undefined : block(`limit_${way}_${plug.tap}`, lines);
}

/** The upper half of a connection's mark is its source's rule, the lower its destination's. */
const judgedBit = 0x8000;
/** Places in a list that fit a half of the mark. */
const placesMax = 0x7fff;

export function markOf(way: Way, at: number): number {
  const half = judgedBit | Math.min(at, placesMax);
  return way === "out" ? half * 0x10000 : half;
}

/** The places of the rules that let a connection through, read from its mark. */
export function placesOf(mark: number): {
  readonly out: number | undefined;
  readonly in: number | undefined;
} {
  const place = (half: number): number | undefined => (half & judgedBit ? half & placesMax : undefined);
  return { out: place(mark >>> 16), in: place(mark & 0xffff) };
}

function marked(way: Way, at: number): string {
  const mask = way === "out" ? "0xffff0000" : "0x0000ffff";
  return `ct mark and ${mask} == ${hex(markOf(way, at))}`;
}

function mark(way: Way, at: number): string {
  const others = way === "out" ? "0x0000ffff" : "0xffff0000";
  return `ct mark set ct mark and ${others} or ${hex(markOf(way, at))}`;
}

/** The chain that judges what a plug says to services: its own, unless that looks at whom was asked. */
export function outChain(plug: Plug, { services }: ListContext): string {
  const looks = plug.rules.some((rule) => {
    const remotes = rule.remotes.filter((it) => it.kind !== "subnet" || !it.cidr.endsWith("/0"));
    return applies(rule, "out") && (remotes.length > 0 || rule.remotePorts !== undefined);
  });
  return services !== undefined && looks ? `served_${plug.tap}` : ownOut(plug);
}

function ownOut({ tap }: Plug): string {
  return `out_${tap}`;
}

/** What goes out, judged by where the service led it. */
function served(plug: Plug, context: ListContext): string {
  return chain(plug, "out", context, outChain(plug, context), answering(context.family));
}

interface Seen {
  readonly address: string;
  readonly port: string;
}

/** Before the node changed it: an app that goes through a port of the node meant the node. */
const asked = (family: Family): Seen => ({
  address: `ct original ${family} daddr`,
  port: "ct original proto-dst",
});
const answering = (family: Family): Seen => ({ address: `${family} daddr`, port: "th dport" });

function chain(
  plug: Plug,
  way: Way,
  context: ListContext,
  name = `${way}_${plug.tap}`,
  seen: Seen = asked(context.family),
): string {
  const lines = plug.rules.flatMap((rule, at): string[] => {
    if (!applies(rule, way)) return [];
    const match = localMatch(plug, rule, way, context, seen);
    if (match === undefined) return [];
    if (rule.action.kind === "drop") return [`${match}goto ${denialOf(plug, way, at)}`];
    const accept = `${match}${mark(way, at)} return`;
    if (rule.action.kind !== "limit") return [accept];
    const over = `${match}limit name "${plug.tap}_${way}_${at}" counter name "${plug.tap}_${way}_limited" drop`;
    return [over, accept];
  });
  return block(name, [...lines, `goto ${denialOf(plug, way)}`]);
}

/** A port map and a port of the node are about what others begin. */
function applies({ direction, action, adapter }: AccessRule, way: Way): boolean {
  if (way === "out" && (action.kind === "map" || adapter !== undefined)) return false;
  return direction === "both" || direction === way;
}

/** Undefined: nothing here can fit, as an address of the other family. */
function localMatch(
  plug: Plug,
  rule: AccessRule,
  way: Way,
  context: ListContext,
  seen: Seen,
): string | undefined {
  const parts: string[] = [];
  const remote = way === "out" ? seen.address : `${context.family} saddr`;
  for (const item of rule.remotes) {
    const part = remoteMatch(remote, item, plug.bridge, context);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  if (rule.adapter !== undefined) {
    const names = context.interfacesOf(rule.adapter);
    if (names?.length === 0) return undefined;
    if (names !== undefined) parts.push(`iifname ${quoted(names)}`);
  }
  if (rule.protocol !== undefined) parts.push(`meta l4proto ${rule.protocol}`);
  if (rule.remotePorts !== undefined)
    parts.push(`${way === "out" ? seen.port : "th sport"} ${range(rule.remotePorts)}`);
  if (rule.action.kind === "map" && rule.localPorts !== undefined)
    parts.push(
      `ct status dnat ct original proto-dst ${range(rule.localPorts)} th dport ${rule.action.appPort}`,
    );
  else if (rule.localPorts !== undefined)
    parts.push(`th ${way === "out" ? "sport" : "dport"} ${range(rule.localPorts)}`);
  return parts.map((part) => `${part} `).join("");
}

function remoteMatch(
  field: string,
  remote: Remote,
  bridge: string,
  { peers, family }: ListContext,
): string | undefined {
  switch (remote.kind) {
    case "subnet":
      if (familyOf(remote.cidr) !== family) return undefined;
      return remote.cidr.endsWith("/0") ? `meta nfproto ${protocolOf[family]}` : `${field} ${remote.cidr}`;
    case "domain":
      return `${field} @${domainSet(bridge, remote.name)}`;
    case "network":
      return peers.length === 0 ? undefined : `${field} { ${peers.join(", ")} }`;
  }
}

const protocolOf = { ip: "ipv4", ip6: "ipv6" } as const;

/** The set that holds what a domain is at, filled by the bridge's resolver. */
export function domainSet(bridge: string, domain: string): string {
  return `${bridge}_${createHash("sha256").update(domain).digest("hex").slice(0, 16)}`;
}

/** ICMPv6 by which neighbours and routers find each other (NDP, MLD) and errors come back, by who may say it. */
const housekeeping = {
  both: "1-4, 131, 132, 135, 136, 143",
  out: "133",
  /** What routers say; who asks for an app that is one allows it in its list. */
  in: "130, 134, 137",
} as const;
const tags = "{ 8021q, 8021ad }";

/**
 * What a switch lets every app say whatever its list: it asks for addresses, of names and for its neighbours,
 * and is answered. Of two apps neither can use that to speak to the other: what a server says is in no app's
 * essentials. A frame with a tag is judged neither by whom nor by what it is for, so a list has to allow
 * everything before it passes.
 */
function essentials(plug: Plug, way: Way, context: ListContext): string[] {
  const kind = frameKind(context);
  const [client, server] = way === "out" ? ["sport", "dport"] : ["dport", "sport"];
  const answers = way === "in" ? "tcp flags & (syn | ack) != syn " : "";
  return [
    `${kind} ${tags} ${allowsAll(plug, way) ? "return" : `goto ${denialOf(plug, way)}`}`,
    `${kind} != { ip, ip6 } return`,
    `udp ${client} 68 udp ${server} 67 return`,
    way === "out" ? "udp sport 546 udp dport 547 return" : "udp dport 546 return",
    `udp ${client} != 53 udp ${server} 53 return`,
    `tcp ${client} != 53 tcp ${server} 53 ${answers}return`,
    `icmpv6 type { ${housekeeping.both}, ${housekeeping[way]} } return`,
  ];
}

/**
 * What a frame is of. Where nothing is known of VLANs a tag is all there is to be seen; a switch that knows them has
 * taken it off, and one below it is a tag again.
 */
function frameKind({ vlans }: ListContext): string {
  return vlans ? "meta protocol" : "ether type";
}

/** The list begins with what lets everything pass: an entry that names nothing, or one for all of each family. */
function allowsAll({ rules }: Plug, way: Way): boolean {
  const families = new Set<string>();
  for (const rule of rules.filter((it) => applies(it, way))) {
    const { action, adapter, protocol, remotePorts, localPorts, remotes } = rule;
    const [remote, ...more] = remotes;
    const narrow = adapter ?? protocol ?? remotePorts ?? localPorts ?? more[0];
    if (action.kind !== "allow" || narrow !== undefined) return false;
    if (remote === undefined) return true;
    if (remote.kind !== "subnet" || !remote.cidr.endsWith("/0")) return false;
    families.add(familyOf(remote.cidr));
    if (families.size > 1) return true;
  }
  return false;
}

function switchRule(plug: Plug, rule: AccessRule, way: Way, context: ListContext): string[] {
  // Answers to what the rule lets pass go the other way.
  const answers = rule.direction !== "both" && rule.direction !== way;
  if (answers && rule.action.kind === "drop") return [];
  if (rule.adapter !== undefined && way === "out" && !answers) return [];
  const at = plug.rules.indexOf(rule);
  const match = switchMatch(rule, way, context);
  if (match === undefined) return [];
  const answering = answers ? switchAnswer(rule, match) : [match];
  return answering.flatMap((line) => {
    if (rule.action.kind === "drop") return [`${line}goto ${denialOf(plug, way)}`];
    if (rule.action.kind !== "limit" || answers) return [`${line}return`];
    const over = `limit name "${plug.tap}_${way}_${at}" counter name "${plug.tap}_${way}_limited" drop`;
    return [`${line}${over}`, `${line}return`];
  });
}

/** Nobody begins a TCP connection without a lone SYN; of other protocols the direction cannot be seen. */
function switchAnswer(rule: AccessRule, match: string): string[] {
  const tcp = `${match}tcp flags & (syn | ack) != syn `;
  if (rule.protocol === 6) return [tcp];
  return rule.protocol === undefined ? [tcp, `${match}meta l4proto != tcp `] : [match];
}

function switchMatch(rule: AccessRule, way: Way, context: ListContext): string | undefined {
  const parts: string[] = [];
  const side = way === "out" ? "daddr" : "saddr";
  for (const remote of rule.remotes) {
    if (remote.kind !== "subnet") return undefined;
    const family = familyOf(remote.cidr);
    parts.push(
      remote.cidr.endsWith("/0") ? `${frameKind(context)} ${family}` : `${family} ${side} ${remote.cidr}`,
    );
  }
  if (rule.adapter !== undefined && way === "in") {
    const names = context.interfacesOf(rule.adapter);
    if (names?.length === 0) return undefined;
    if (names !== undefined) parts.push(`iifname ${quoted(names)}`);
  }
  if (rule.protocol !== undefined) parts.push(`meta l4proto ${rule.protocol}`);
  const [near, far] = way === "out" ? ["sport", "dport"] : ["dport", "sport"];
  if (rule.remotePorts !== undefined) parts.push(`th ${far} ${range(rule.remotePorts)}`);
  if (rule.localPorts !== undefined) parts.push(`th ${near} ${range(rule.localPorts)}`);
  return parts.map((part) => `${part} `).join("");
}

function denialOf({ tap }: Plug, way: Way, at?: number): string {
  return at === undefined ? `deny_${way}_${tap}` : `deny_${way}_${tap}_${at}`;
}

/**
 * Counts and drops; remembers for the flow log whom it was for. What an entry of the list says has sets of its
 * own, which name it. (nft cannot list a set whose key begins with a mark.)
 */
function denial(plug: Plug, way: Way, noted: Family | undefined, at?: number): string {
  const key = `${noted} saddr . ${noted} daddr . meta l4proto`;
  const notes = [
    `meta l4proto { tcp, udp } update @${deniedSet("flows", plug, at)} { ${key} . th sport . th dport }`,
    `meta l4proto != { tcp, udp } update @${deniedSet("others", plug, at)} { ${key} }`,
  ];
  const lines = [...(noted === undefined ? [] : notes), `counter name "${plug.tap}_${way}_denied" drop`];
  return block(denialOf(plug, way, at), lines);
}

function block(name: string, lines: readonly string[]): string {
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;
}

function range({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function quoted(names: readonly string[]): string {
  return `{ ${names.map((name) => `"${name}"`).join(", ")} }`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
