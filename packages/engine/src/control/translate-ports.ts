/**
 * The node's ports: EVE's three lists that name each other (cards, networks, adapters) → PortSpecs. Pure. What
 * makes no sense in one port is a fault of it alone: the others must go on leading to the controller.
 */
import { type config, devmodelCommon, netCommon, type netconfig } from "@selvedge/eve-api";
import type { PortAddress, PortSpec, ProxySpec } from "../desired.ts";
import { isAddress } from "./subnet.ts";

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

function translatePort(adapter: Adapter, uplink: boolean, message: config.EdgeDevConfig): PortSpec {
  const faults: string[] = [];
  const card = cardOf(adapter, message, faults);
  const network = message.networks.find(({ id }) => id === adapter.networkUUID);
  if (network === undefined && adapter.networkUUID !== "")
    faults.push(`networkUUID: no network has id ${adapter.networkUUID}`);
  if (network === undefined && uplink) faults.push("networkUUID: a port to the controller needs a network");
  const address = network === undefined ? { kind: "none" as const } : addressOf(adapter, network, faults);
  if (uplink && address.kind === "none" && faults.length === 0)
    faults.push("networks.ip.dhcp: a port to the controller needs a static address or DHCP");
  const proxy = network?.entProxy === undefined ? undefined : proxyOf(network.entProxy);
  const mtu = network?.mtu ?? 0;
  if (mtu !== 0 && (mtu < 1280 || mtu > 65_535))
    faults.push(`networks.mtu: ${mtu} is not between 1280 and 65535`);
  return {
    name: adapter.name,
    labels: adapter.sharedLabels.filter((label) => !reserved.has(label)),
    interface: card,
    ...{ uplink, cost: Math.min(adapter.cost, costMax), networkId: adapter.networkUUID, address },
    ...(mtu === 0 ? {} : { mtu }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(faults[0] === undefined ? {} : { fault: faults[0] }),
  };
}

function cardOf({ name, lowerLayerName }: Adapter, message: config.EdgeDevConfig, faults: string[]): string {
  const wanted = lowerLayerName || name;
  const cards = message.deviceIoList.filter(
    ({ logicallabel, phylabel }) => (logicallabel || phylabel) === wanted,
  );
  const made = [...message.vlans, ...message.bonds].find(({ logicallabel }) => logicallabel === wanted);
  const [card, second] = cards;
  if (made !== undefined) {
    faults.push(`lowerLayerName: ${wanted} is a VLAN or a bond, which this node does not make`);
    return made.interfaceName;
  }
  if (card === undefined || second !== undefined) {
    faults.push(
      `lowerLayerName: ${cards.length === 0 ? "no card is" : "several cards are"} called ${wanted}`,
    );
    return wanted;
  }
  const { PhyIoNetWLAN, PhyIoNetWWAN, PhyIoNetEth } = devmodelCommon.PhyIoType;
  if (card.ptype === PhyIoNetWLAN || card.ptype === PhyIoNetWWAN)
    faults.push(`deviceIoList: ${wanted} is wireless, which this node leaves to the box's own system`);
  else if (card.ptype !== PhyIoNetEth) faults.push(`deviceIoList: ${wanted} is no network card`);
  const named = Object.entries(card.phyaddrs).find(([key]) => key.toLowerCase() === "ifname")?.[1];
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(named ?? "")) {
    faults.push(`deviceIoList: ${wanted} has no phyaddrs.ifname that Linux could have`);
    return wanted;
  }
  return named ?? wanted;
}

function addressOf({ addr }: Adapter, { type, ip }: netconfig.NetworkConfig, faults: string[]): PortAddress {
  const { NETWORKTYPENOOP, V4, V4Only } = netCommon.NetworkType;
  const none: PortAddress = { kind: "none" };
  if (type === NETWORKTYPENOOP) return none;
  if (type !== V4 && type !== V4Only) {
    faults.push(`networks.type: ${type} is not IPv4 (4 or 7), and this node's ports have no other`);
    return none;
  }
  if (ip === undefined) {
    faults.push("networks.ip: is missing");
    return none;
  }
  const { Static, DHCPNone, Client } = netCommon.DHCPType;
  if (ip.dhcp === Client) return { kind: "dhcp" };
  if (ip.dhcp === DHCPNone) return none;
  if (ip.dhcp !== Static) {
    faults.push(`networks.ip.dhcp: ${ip.dhcp} is none of 1, 2 and 4`);
    return none;
  }
  const bits = /\/(\d{1,2})$/.exec(ip.subnet)?.[1];
  if (!isIpv4(addr)) faults.push(`addr: ${JSON.stringify(addr)} is not an IPv4 address`);
  else if (bits === undefined || Number(bits) > 32)
    faults.push(`networks.ip.subnet: ${JSON.stringify(ip.subnet)} is not a network like 10.1.0.0/24`);
  else if (ip.gateway !== "" && !isIpv4(ip.gateway))
    faults.push(`networks.ip.gateway: ${JSON.stringify(ip.gateway)} is not an IPv4 address`);
  else {
    const ntp = [ip.ntp, ...ip.moreNtp].filter((it) => it !== "");
    const dns = ip.dns.filter(isAddress);
    return { kind: "static", address: `${addr}/${bits}`, gateway: ip.gateway, dns, domain: ip.domain, ntp };
  }
  return none;
}

function isIpv4(text: string): boolean {
  return isAddress(text) && !text.includes(":");
}

function proxyOf(proxy: netCommon.ProxyConfig): ProxySpec | undefined {
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
