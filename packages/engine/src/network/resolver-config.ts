import { isIP } from "node:net";
import type { AppSpec, NetworkSpec } from "../desired.ts";
import { domainSet } from "./access-list.ts";
import { type Family, familyOf, parsePrefix } from "./address.ts";
import { aliasPort } from "./alias-names.ts";
import { inSubnet, type Lease } from "./lease.ts";
import { metadataAddress } from "./metadata-address.ts";
import { usualMtu } from "./network-mtu.ts";
import { domainsOf, tableNames } from "./ruleset.ts";
import type { ServiceTable } from "./services.ts";

export interface ResolverInputs {
  readonly network: NetworkSpec;
  readonly bridge: string;
  readonly prefix: string;
  readonly apps: readonly AppSpec[];
  readonly leases: readonly Lease[];
  /** Networks of its ports that apps are told of. */
  readonly connected?: readonly string[];
  /** What services are at. */
  readonly names: ServiceTable["names"];
  /** And which ports they have. */
  readonly ports?: ServiceTable["ports"];
  /** Names that mean another host's. */
  readonly aliases?: readonly string[];
}

/**
 * dnsmasq for one bridge: answers there and nowhere else, gives each plug its own address and nobody
 * another, and tells the rules where the domains are that they name.
 */
export function renderResolver(inputs: ResolverInputs): string {
  const { network, bridge, prefix, apps, leases, names: services, connected } = inputs;
  const { aliases = [], ports = [] } = inputs;
  const hosts = network.hosts.flatMap(({ name, addresses }) =>
    hostPattern.test(name) ? addresses.filter((it) => addressPattern.test(it)).map((it) => [name, it]) : [],
  );
  const plugs = leases.flatMap((lease) => {
    const app = apps.find(({ id }) => id === lease.appId);
    const nic = app?.nics.find(({ name }) => name === lease.nic);
    return app === undefined || nic === undefined ? [] : [{ app, nic, lease }];
  });
  // Apps of Pods are named `namespace/name` and have their names elsewhere.
  const names = plugs.flatMap(({ app, lease }) =>
    hostPattern.test(app.displayName) ? [[app.displayName, lease.address]] : [],
  );
  // Where apps look for services nobody else knows anything.
  const searched = [...new Set(plugs.flatMap(({ app }) => (app.pod?.searchDomains ?? []).slice(-1)))].filter(
    (domain) => hostPattern.test(domain),
  );
  const [, [, table]] = tableNames(prefix) as [unknown, [string, string]];
  const domains = domainsOf(plugs.flatMap(({ nic }) => nic.rules));
  return [
    "bind-interfaces",
    `interface=${bridge}`,
    "except-interface=lo",
    "no-hosts",
    "no-ping",
    "user=nobody",
    "leasefile-ro",
    "dhcp-authoritative",
    "local=/internal/",
    ...searched.map((domain) => `local=/${domain}/`),
    ...aliases.map((name) => `server=/${name}/${network.gateway}#${aliasPort}`),
    ...(network.dns.length === 0 ? [] : ["no-resolv", ...network.dns.map((server) => `server=${server}`)]),
    ...(familyOf(network.subnet) === "ip" ? addresses4(network, connected) : addresses6(network, bridge)),
    ...leases.map(({ mac, address }) => `dhcp-host=${mac},${bracketed(address)}`),
    ...ports.map(([name, at, port]) => `srv-host=${name},${at},${port},0,100`),
    ...[...hosts, ...names, ...services].map(([name, address]) => `host-record=${name},${address}`),
    ...domains.map(
      (domain) =>
        `nftset=/${domain}/${setFamily[familyOf(network.subnet)]}#inet#${table}#${domainSet(bridge, domain)}`,
    ),
    "",
  ].join("\n");
}

/** How an app finds out of its network: a router if there is one, and what has a way of its own. */
export function waysOf(
  network: NetworkSpec,
  connected: readonly string[] = [],
): {
  readonly router?: string;
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
} {
  const { gateway, subnet, routes = [] } = network;
  const family = familyOf(subnet);
  // Of IPv6 an app has no neighbours: the node knows the way to one that leads on.
  const neighbour = (it: string): boolean => family === "ip" && it !== "" && inSubnet(network, it);
  const own = routes
    .filter(({ destination }) => destination !== everywhere[family])
    .map((it) => ({
      destination: it.destination,
      gateway: neighbour(it.gateway) ? it.gateway : gateway,
    }));
  const near = connected
    .filter((it) => !routes.some(({ destination }) => destination === it))
    .map((destination) => ({ destination, gateway }));
  const usual = { ip: `${metadataAddress}/32`, ip6: subnet } as const;
  const ways = [...own, ...near, { destination: usual[family], gateway }];
  if (network.port === "") return { routes: ways };
  const out = routes.find(({ destination }) => destination === everywhere[family])?.gateway ?? "";
  return { router: neighbour(out) ? out : gateway, routes: ways };
}

const everywhere = { ip: "0.0.0.0/0", ip6: "::/0" } as const;
/** What the resolver calls the families of its sets. */
const setFamily: Readonly<Record<Family, string>> = { ip: "4", ip6: "6" };

function bracketed(address: string): string {
  return familyOf(address) === "ip6" ? `[${address}]` : address;
}

/** How often a router says that it is there; apps ask when they come. */
const saysEverySeconds = 60;

/**
 * Addresses by DHCPv6, one a plug, on a link that has no neighbours: what an app says to another goes by the
 * node, which judges it. Without a way out the node is a router that any other is preferred to.
 */
function addresses6(network: NetworkSpec, bridge: string): string[] {
  const { subnet, gateway, domain = "", mtu, ntp = [], port } = network;
  const { text, bits } = parsePrefix(subnet);
  const servers = ntp.filter((it) => isIP(it) === 6);
  return [
    "enable-ra",
    `ra-param=${bridge},${isUsual(mtu) ? "" : `mtu:${mtu},`}${port === "" ? "low," : ""}${saysEverySeconds}`,
    `dhcp-range=${text.split("/")[0]},static,off-link,${bits},1h`,
    `dhcp-option=option6:dns-server,[${gateway}]`,
    ...(hostPattern.test(domain) ? [`dhcp-option=option6:domain-search,${domain}`] : []),
    ...(servers.length === 0
      ? []
      : [`dhcp-option=option6:ntp-server,${servers.map((it) => `[${it}]`).join(",")}`]),
  ];
}

function addresses4(network: NetworkSpec, connected: readonly string[] | undefined): string[] {
  const { gateway, domain = "", mtu, ntp = [] } = network;
  const { router, routes } = waysOf(network, connected);
  // Who takes these ways takes no router: the way out is one of them.
  const out = router === undefined ? [] : [{ destination: everywhere.ip, gateway: router }];
  const ways = [...routes, ...out].flatMap((it) => [it.destination, it.gateway]);
  const servers = ntp.filter((it) => isIP(it) === 4);
  return [
    `dhcp-range=${network.dhcpFirst},static,1h`,
    `dhcp-option=option:router${router === undefined ? "" : `,${router}`}`,
    `dhcp-option=option:classless-static-route,${ways.join(",")}`,
    `dhcp-option=option:netmask,${netmask(parsePrefix(network.subnet).bits)}`,
    `dhcp-option=option:dns-server,${gateway}`,
    ...(hostPattern.test(domain) ? [`dhcp-option=option:domain-name,${domain}`] : []),
    ...(servers.length === 0 ? [] : [`dhcp-option=option:ntp-server,${servers.join(",")}`]),
    ...(isUsual(mtu) ? [] : [`dhcp-option=option:mtu,${mtu}`]),
  ];
}

function isUsual(mtu: number | undefined): boolean {
  return mtu === undefined || mtu === usualMtu;
}

function netmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** What comes from a configuration must not become a line of its own. */
const hostPattern = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/;
const addressPattern = /^[0-9a-fA-F.:]+$/;
