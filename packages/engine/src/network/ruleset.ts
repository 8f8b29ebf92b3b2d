import type { AccessRule } from "../desired.ts";
import { domainSet, type ListContext, limitChain, localList, outChain, switchList } from "./access-list.ts";
import { addressType, type Family, familyOf } from "./address.ts";
import { type AnswerWay, answerChain } from "./answer-plan.ts";
import { type ApiRoute, apiAccepts, apiTurns } from "./api-route.ts";
import { metadataAddress, metadataPort } from "./metadata-address.ts";
import type { Plug } from "./plug.ts";
import { antiSpoof, linkChains, linkSays, noteAddress, seenSets } from "./plug-rules.ts";
import { type PortRule, portMaps, portTurns } from "./port-maps.ts";
import { type ServiceRoute, selfCalls, serviceChains, serviceSet } from "./services.ts";

export interface RulesetNetwork {
  readonly bridge: string;
  /** The address of the bridge's hardware. */
  readonly mac: string;
  readonly kind: "local" | "switch";
  readonly subnet: string;
  readonly gateway: string;
  /** Cards that lead outside; undefined: every one does. */
  readonly interfaces: readonly string[] | undefined;
  readonly hosts: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly flowLog: boolean;
  /** A switch that knows of VLANs. */
  readonly vlans: boolean;
  /** A switch on a card that the node speaks by, too. */
  readonly shared: boolean;
  readonly plugs: readonly Plug[];
}

export interface RulesetInputs {
  readonly prefix: string;
  readonly networks: readonly RulesetNetwork[];
  readonly ports: readonly PortRule[];
  readonly services: readonly ServiceRoute[];
  readonly api: readonly ApiRoute[];
  readonly interfacesOf: ListContext["interfacesOf"];
  /** TCP of apps is held to segments that fit the way it takes; not there: it is. */
  readonly clampsTcp?: boolean;
  /** The node learns the addresses of apps on switches from what they say; not there: it does. */
  readonly snoopsArp?: boolean;
  /** By which cards what apps answer leaves. */
  readonly answers?: readonly AnswerWay[];
}

/** The names of our two tables. */
export function tableNames(prefix: string): readonly [family: string, table: string][] {
  return [
    ["bridge", `${prefix}_plugs`],
    ["inet", `${prefix}_node`],
  ];
}

const clamp = "    tcp flags syn tcp option maxseg size set rt mtu\n";
/** Addresses that one domain may have. */
const domainAddressesMax = 65_536;

/**
 * What apps may do, as one transaction for nft.
 *
 * On the bridge: a plug of a local network speaks with its own addresses only, and never straight to another
 * plug: what apps say to one another is routed through the node as well, which answers for all of them. On
 * the node: the access list of the plug it leaves by, then of the one it enters; apps reach the outside by
 * their network's ports through NAT, of the node itself only DHCP, DNS and the metadata service, and nobody
 * outside reaches an app but by a port that leads to it. The node itself (probes, port-forward) may.
 */
export function renderRuleset(inputs: RulesetInputs): string {
  const [[, plugTable], [, nodeTable]] = tableNames(inputs.prefix) as [[string, string], [string, string]];
  const { ports, services } = inputs;
  const maps = [
    domainSets(inputs),
    serviceChains(services),
    portMaps(spokenFamilies(inputs), ports, services),
  ];
  const subnets = inputs.networks.flatMap(({ kind, subnet }) => (kind === "local" ? [subnet] : []));
  const answers = answerChain(inputs.prefix, inputs.answers ?? [], subnets);
  const parts = [...maps, lists(inputs), answers, natChains(inputs), filterChains(inputs)];
  return `table bridge ${plugTable}
delete table bridge ${plugTable}
table bridge ${plugTable} {
${plugRules(inputs)}}
table inet ${nodeTable}
delete table inet ${nodeTable}
table inet ${nodeTable} {
${parts.join("")}}
`;
}

function contextOf(network: RulesetNetwork, { interfacesOf, services }: RulesetInputs): ListContext {
  // A switch has no family; what its lists name by their network are its apps' addresses of IPv4.
  const family = familyOf(network.subnet);
  const own = network.hosts.flatMap(({ addresses }) => addresses.filter((it) => familyOf(it) === family));
  const apps = network.plugs.map(({ address }) => address).filter((it) => it !== "");
  const peers = [...new Set([...apps, ...own])];
  const served = services.length === 0 || family !== "ip" ? undefined : serviceSet;
  const { flowLog: noted, vlans } = network;
  return { peers, family, interfacesOf, noted, vlans, services: served };
}

function plugsOf(networks: readonly RulesetNetwork[], kind: RulesetNetwork["kind"]): readonly Plug[] {
  return networks.flatMap((network) => (network.kind === kind ? network.plugs : []));
}

function plugRules(inputs: RulesetInputs): string {
  const { networks, prefix } = inputs;
  const switched = networks.filter(({ kind }) => kind === "switch");
  const taps = plugsOf(networks, "switch").map(({ tap }) => tap);
  const noted = inputs.snoopsArp === false ? [] : taps.map(noteAddress);
  const leaves = (tap: string): string => `    iifname "${tap}" jump out_${tap}\n`;
  const leaving = taps.map(leaves).join("");
  // Of a switch that the node is on itself: what is for the node is not forwarded.
  const spoken = plugsOf(
    networks.filter(({ shared }) => shared),
    "switch",
  )
    .map(({ tap }) => leaves(tap))
    .join("");
  const links = networks
    .filter(({ subnet }) => familyOf(subnet) === "ip6")
    .map(({ bridge, mac, plugs }) => linkChains(bridge, [mac, ...plugs.map((plug) => plug.mac)]));
  const entering = taps.map((tap) => `    oifname "${tap}" jump in_${tap}\n`).join("");
  const straight = plugsOf(networks, "local")
    .map(({ tap }) => `    iifname "${tap}" oifname "${prefix}t*" drop\n`)
    .join("");
  const switchLists = switched.flatMap((network) =>
    network.plugs.map((plug) => switchList(plug, contextOf(network, inputs))),
  );
  return `${seenSets(taps)}${switchLists.join("")}${links.join("")}  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
${plugsOf(networks, "local").map(antiSpoof).join("")}${noted.join("")}  }
  chain forward {
    type filter hook forward priority -200; policy accept;
${straight}${leaving}${entering}  }
  chain input {
    type filter hook input priority -200; policy accept;
${spoken}  }
`;
}

/** Domains that some list of the network names. */
export function domainsOf(rules: readonly AccessRule[]): string[] {
  const names = rules.flatMap(({ remotes }) =>
    remotes.flatMap((it) => (it.kind === "domain" ? [it.name] : [])),
  );
  return [...new Set(names)].sort();
}

function domainSets({ networks }: RulesetInputs): string {
  return networks
    .filter(({ kind }) => kind === "local")
    .flatMap(({ bridge, subnet, plugs, hosts }) =>
      domainsOf(plugs.flatMap(({ rules }) => rules)).map((domain) => {
        const below = hosts.filter(({ name }) => `.${name.toLowerCase()}`.endsWith(`.${domain}`));
        const family = familyOf(subnet);
        const known = below.flatMap(({ addresses }) => addresses.filter((it) => familyOf(it) === family));
        const elements = known.length === 0 ? "" : `elements = { ${[...new Set(known)].join(", ")} }`;
        const kind = `type ${addressType[family]}; size ${domainAddressesMax};`;
        return `  set ${domainSet(bridge, domain)} { ${kind} ${elements} }\n`;
      }),
    )
    .join("");
}

/** Families that some network of the node speaks; IPv4 is what ports lead to by themselves. */
function spokenFamilies({ networks }: RulesetInputs): Family[] {
  return networks.some(({ subnet }) => familyOf(subnet) === "ip6") ? ["ip", "ip6"] : ["ip"];
}

function lists(inputs: RulesetInputs): string {
  const locals = inputs.networks.filter(({ kind }) => kind === "local");
  return locals
    .flatMap((network) => {
      const context = contextOf(network, inputs);
      return network.plugs.flatMap((plug) => [
        localList(plug, context),
        limitChain(plug, "out") ?? "",
        limitChain(plug, "in") ?? "",
      ]);
    })
    .join("");
}

function natChains(inputs: RulesetInputs): string {
  const { prefix, networks, services } = inputs;
  const locals = networks.filter(({ kind }) => kind === "local");
  const families = spokenFamilies(inputs);
  const speak4 = locals.filter(({ subnet }) => familyOf(subnet) === "ip");
  const metadata = speak4
    .map(
      ({ bridge, gateway }) =>
        `    iifname "${bridge}" ip daddr ${metadataAddress} tcp dport 80 dnat ip to ${gateway}:${metadataPort}\n`,
    )
    .concat(apiTurns(inputs.api, speak4));
  const asked = `    iifname "${prefix}b*" ip daddr . meta l4proto . th dport vmap @services\n`;
  const out = locals.map(
    (it) => `    ${familyOf(it.subnet)} saddr ${it.subnet} oifname != "${it.bridge}" masquerade\n`,
  );
  const turns = portTurns([families, inputs.ports, services], `iifname "${prefix}b*" `);
  return `  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${metadata.join("")}${services.length === 0 ? "" : asked}    fib daddr type != local return
${turns.incoming}  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.0/8 return
${families.includes("ip6") ? "    ip6 daddr ::1 return\n" : ""}    fib daddr type != local return
${turns.own}  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${out.join("")}${selfCalls(services, "masquerade")}  }
`;
}

/** Those plugs whose lists tell whom they asked from who answers. */
function servedTable(inputs: RulesetInputs): string {
  const elements = inputs.networks
    .filter(({ kind }) => kind === "local")
    .flatMap((network) =>
      network.plugs.flatMap((plug) => {
        const chain = outChain(plug, contextOf(network, inputs));
        return plug.address === "" || chain === `out_${plug.tap}`
          ? []
          : [`"${plug.bridge}" . ${plug.address} : goto ${chain}`];
      }),
    );
  if (elements.length === 0) return "";
  return `    ct original ip daddr @${serviceSet} iifname . ip saddr vmap { ${elements.join(", ")} }\n`;
}

/** The node is spoken to at a network's gateway by that network alone. */
function gatewayGuard({ bridge, subnet, gateway }: RulesetNetwork): string {
  return `    iifname != "${bridge}" iifname != "lo" ${familyOf(subnet)} daddr ${gateway} drop\n`;
}

/** Of IPv6 an app asks the node for an address, for routers and for neighbours, and joins groups. */
const link6 = `    udp dport 547 accept
    icmpv6 type { ${linkSays} } accept
`;

function filterChains(inputs: RulesetInputs): string {
  const { prefix, networks, services } = inputs;
  const locals = networks.filter(({ kind }) => kind === "local");
  const plugs = locals.flatMap(({ plugs: list }) => list).filter(({ address }) => address !== "");
  const table = (field: string, verdict: (plug: Plug) => string, of: readonly Plug[] = plugs): string =>
    spokenFamilies(inputs)
      .map((family) => {
        const some = of.filter(({ address }) => familyOf(address) === family);
        const elements = some.map((it) => `"${it.bridge}" . ${it.address} : ${verdict(it)}`);
        if (some.length === 0) return "";
        return `    ${field.replace("FAMILY", family)} vmap { ${elements.join(", ")} }\n`;
      })
      .join("");
  const behind = (side: string, card: string, way: string): string =>
    plugs
      .flatMap((it) =>
        it.behind.map(
          (net) => `    ${card} "${it.bridge}" ${familyOf(net)} ${side} ${net} goto ${way}_${it.tap}\n`,
        ),
      )
      .join("");
  const limited = (way: "out" | "in"): Plug[] => plugs.filter((plug) => limitChain(plug, way) !== undefined);
  const limitsIn = table("oifname . FAMILY daddr", (it) => `jump limit_in_${it.tap}`, limited("in"));
  const leaves = locals.flatMap(({ bridge, interfaces }) => {
    if (interfaces === undefined) return [];
    const cards = [bridge, ...interfaces].map((name) => `"${name}"`).join(", ");
    return [`    iifname "${bridge}" oifname != { ${cards} } jump astray\n`];
  });
  // Frames of a switch come by here on kernels that show them to the routing; they were judged below it. The
  // node itself is no part of a switch.
  const switched = networks
    .filter(({ kind, shared }) => kind === "switch" && !shared)
    .map(
      ({ bridge }) => `    iifname "${bridge}" oifname "${bridge}" accept\n    iifname "${bridge}" drop\n`,
    );
  const arrives = locals.map(({ bridge }) => `    oifname "${bridge}" iifname != "${bridge}" jump astray\n`);
  const nobody = `iifname "${prefix}b*" ip daddr @${serviceSet}`;
  const empty =
    services.length === 0
      ? ""
      : `    ${nobody} meta l4proto tcp reject with tcp reset\n    ${nobody} reject with icmp port-unreachable\n`;
  const self = selfCalls(services, "accept");
  const speaks6 = spokenFamilies(inputs).includes("ip6");
  const said = [
    servedTable(inputs),
    table("iifname . FAMILY saddr", (it) => `goto out_${it.tap}`),
    behind("saddr", "iifname", "out"),
  ];
  return `  chain limits {
${table("iifname . FAMILY saddr", (it) => `jump limit_out_${it.tap}`, limited("out"))}${limitsIn}    accept
  }
  chain leave {
${said.join("")}    drop
  }
  chain enter {
${table("oifname . FAMILY daddr", (it) => `goto in_${it.tap}`)}${behind("daddr", "oifname", "in")}    drop
  }
  chain astray {
    ct status dnat return
    drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname != "${prefix}b*" oifname != "${prefix}b*" accept
${empty}${switched.join("")}${inputs.clampsTcp === false ? "" : clamp}    ct state established,related jump limits
${self}${leaves.join("")}${arrives.join("")}    iifname "${prefix}b*" jump leave
    oifname "${prefix}b*" jump enter
  }
  chain from_apps {
    ct state established,related accept
    udp dport { 53, 67 } accept
    tcp dport 53 accept
    ct original ip daddr ${metadataAddress} tcp dport ${metadataPort} accept
${apiAccepts(inputs.api)}${speaks6 ? link6 : ""}    drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
${locals.map(gatewayGuard).join("")}${networks
  .filter(({ shared }) => !shared)
  .map(({ bridge, kind }) => `    iifname "${bridge}" ${kind === "local" ? "jump from_apps" : "drop"}\n`)
  .join("")}  }
  chain redirects {
    type filter hook output priority 0; policy accept;
    oifname "${prefix}b*" icmp type redirect drop
${speaks6 ? `    oifname "${prefix}b*" icmpv6 type nd-redirect drop\n` : ""}  }
`;
}
