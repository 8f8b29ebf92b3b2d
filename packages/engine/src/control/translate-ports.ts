/**
 * The node's ports: EVE's three lists that name each other (cards, networks, adapters) → PortSpecs. Pure. What
 * makes no sense in one port is a fault of it alone: the others must go on leading to the controller.
 */
import { type config, netCommon, type netconfig } from "@selvedge/eve-api";
import type { PortAddress, PortSpec, ProxySpec } from "../desired.ts";
import { isAddress } from "./subnet.ts";
import { authenticationOf } from "./translate-certificates.ts";
import { lowerLayer } from "./translate-links.ts";
import { cellularOf, wifiOf } from "./translate-wireless.ts";

type Adapter = config.EdgeDevConfig["systemAdapterList"][number];

/** EVE's own names for all ports, and what it clamps a cost to. */
const reserved: ReadonlySet<string> = new Set(["all", "uplink", "freeuplink"]);
const costMax = 255;

/** Undefined: the configuration says nothing of ports, so they stay as they are. */
export function translatePorts(message: config.EdgeDevConfig): PortSpec[] | undefined {
  const { systemAdapterList: adapters } = message;
  if (adapters.length === 0) return undefined;
  // A controller that names no uplink means all of them.
  const named = adapters.some(({ uplink }) => uplink);
  return adapters.map((adapter) => translatePort(adapter, named ? adapter.uplink : true, message));
}

/** A controller from before costs marks what is free of charge, at the card or the adapter; the rest costs. */
function costOf(
  { cost, freeUplink }: Adapter,
  card: config.EdgeDevConfig["deviceIoList"][number] | undefined,
  { deviceIoList }: config.EdgeDevConfig,
): number {
  if (cost > 0) return Math.min(cost, costMax);
  if (freeUplink || card?.usagePolicy?.freeUplink === true) return 0;
  return deviceIoList.some(({ usagePolicy }) => usagePolicy?.freeUplink === true) ? 1 : 0;
}

function translatePort(adapter: Adapter, uplink: boolean, message: config.EdgeDevConfig): PortSpec {
  const faults: string[] = [];
  const label = adapter.lowerLayerName || adapter.name;
  const lower = lowerLayer(label, message, faults);
  const network = message.networks.find(({ id }) => id === adapter.networkUUID);
  if (network === undefined && adapter.networkUUID !== "")
    faults.push(`networkUUID: no network has id ${adapter.networkUUID}`);
  if (network === undefined && uplink) faults.push("networkUUID: a port to the controller needs a network");
  const address = network === undefined ? { kind: "none" as const } : addressOf(adapter, network, faults);
  if (uplink && address.kind === "none" && faults.length === 0)
    faults.push("networks.ip.dhcp: a port to the controller needs a static address or DHCP");
  const wifi = wifiOf(lower.card, network, message, faults);
  const cellular = cellularOf(lower.card, network, message, faults);
  const authentication = authenticationOf([adapter.name, label], message);
  const proxy = network?.entProxy === undefined ? undefined : proxyOf(network.entProxy);
  const mtu = network?.mtu ?? 0;
  if (mtu !== 0 && (mtu < 1280 || mtu > 65_535))
    faults.push(`networks.mtu: ${mtu} is not between 1280 and 65535`);
  return {
    name: adapter.name,
    ...(label === adapter.name ? {} : { label }),
    ...(adapter.allowLocalModifications ? { localChanges: true } : {}),
    labels: adapter.sharedLabels.filter((label) => !reserved.has(label)),
    interface: lower.interface,
    ...(lower.links.length === 0 ? {} : { links: lower.links }),
    ...{ uplink, cost: costOf(adapter, lower.card, message), networkId: adapter.networkUUID, address },
    ...(wifi === undefined ? {} : { wifi }),
    ...(cellular === undefined ? {} : { cellular }),
    ...(authentication === undefined ? {} : { authentication }),
    ...(mtu === 0 ? {} : { mtu }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(faults[0] === undefined ? {} : { fault: faults[0] }),
  };
}

function addressOf({ addr }: Adapter, { type, ip }: netconfig.NetworkConfig, faults: string[]): PortAddress {
  const { NETWORKTYPENOOP, V4, V6, V4Only, V6Only } = netCommon.NetworkType;
  const none: PortAddress = { kind: "none" };
  if (type === NETWORKTYPENOOP) return none;
  if (type !== V4 && type !== V6 && type !== V4Only && type !== V6Only) {
    faults.push(
      `networks.type: ${type} is none of 4, 6, 7 and 8; a port with 4 or 6 takes addresses of both`,
    );
    return none;
  }
  if (ip === undefined) {
    faults.push("networks.ip: is missing");
    return none;
  }
  const { Static, DHCPNone, Client } = netCommon.DHCPType;
  // With both allowed, whichever the network has is taken.
  const only = type === V4Only ? "ipv4" : type === V6Only ? "ipv6" : undefined;
  if (ip.dhcp === Client) return { kind: "dhcp", ...(only === undefined ? {} : { family: only }) };
  if (ip.dhcp === DHCPNone) return none;
  if (ip.dhcp !== Static) {
    faults.push(`networks.ip.dhcp: ${ip.dhcp} is none of 1, 2 and 4`);
    return none;
  }
  const six = addr.includes(":");
  const family = six ? "IPv6" : "IPv4";
  const bits = /\/(\d{1,3})$/.exec(ip.subnet)?.[1];
  if (!isAddress(addr) || (only !== undefined && (only === "ipv6") !== six))
    faults.push(`addr: ${JSON.stringify(addr)} is not an ${only === "ipv6" ? "IPv6" : "IPv4"} address`);
  else if (bits === undefined || Number(bits) > (six ? 128 : 32) || ip.subnet.includes(":") !== six)
    faults.push(
      `networks.ip.subnet: ${JSON.stringify(ip.subnet)} is not a network like ${six ? "2001:db8::/64" : "10.1.0.0/24"}`,
    );
  else if (ip.gateway !== "" && (!isAddress(ip.gateway) || ip.gateway.includes(":") !== six))
    faults.push(`networks.ip.gateway: ${JSON.stringify(ip.gateway)} is not an ${family} address`);
  else {
    const ntp = [ip.ntp, ...ip.moreNtp].filter((it) => it !== "");
    const dns = ip.dns.filter(isAddress);
    return { kind: "static", address: `${addr}/${bits}`, gateway: ip.gateway, dns, domain: ip.domain, ntp };
  }
  return none;
}

export function proxyOf(proxy: netCommon.ProxyConfig): ProxySpec | undefined {
  const { PROXY_HTTP, PROXY_HTTPS } = netCommon.proxyProto;
  const of = (proto: netCommon.proxyProto): string | undefined => {
    const found = proxy.proxies.find((it) => it.proto === proto && it.server !== "");
    return found && `${found.server}:${found.port || proxyPort}`;
  };
  const certificates = proxy.proxyCertPEM.map((pem) => new TextDecoder().decode(pem));
  const server = of(PROXY_HTTPS) ?? of(PROXY_HTTP);
  const automatic = proxy.networkProxyEnable || proxy.pacfile !== "";
  if (server === undefined && certificates.length === 0 && !automatic) return undefined;
  const exceptions = proxy.exceptions.split(/[,\s]+/).filter((it) => it !== "");
  return { server, exceptions, certificates, automatic };
}

/** What a proxy that names no port listens on. */
const proxyPort = 3128;
