/** Network instances → NetworkSpecs. Pure. What one of them asks that the node lacks is a fault of it alone. */
import { type config, netinst } from "@selvedge/eve-api";
import type { NetworkId, NetworkSpec, RouteSpec } from "../desired.ts";
import { type Family, familyOf, plainAddress } from "../network/address.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";
import { addressRange, isAddress, ownPrefix, parseSubnet } from "./subnet.ts";
import { probeFault, wayChoice } from "./translate-ways.ts";

type Instance = netinst.NetworkInstanceConfig;

export function translateNetworks({ networkInstances }: config.EdgeDevConfig): NetworkSpec[] {
  const list = networkInstances.map((item, at) => translateNetwork(item, `networkInstances[${at}]`));
  return [...unique("networkInstances", list, ({ id }) => id).values()];
}

function translateNetwork(item: Instance, field: string): NetworkSpec {
  const id = item.uuidandversion?.uuid.toLowerCase() ?? "";
  if (!isUuid(id))
    throw new ConfigFault(`${field}.uuidandversion.uuid`, `${JSON.stringify(id)} is not a UUID`);
  const version = item.uuidandversion?.version ?? "";
  const fault = faultOf(item, field);
  const common = {
    ...{ id: id as NetworkId, name: item.displayname || id, dns: dnsServers(item, field) },
    hosts: hosts(item, field),
    ...(version === "" ? {} : { version }),
    ...(item.activate ? {} : { inactive: true }),
    ...(fault === undefined ? {} : { fault }),
    port: item.port?.name ?? "",
    ...(item.mtu === 0 ? {} : { mtu: item.mtu }),
    ...(item.disableFlowlog ? {} : { flowLog: true }),
  };
  const none = { subnet: "", gateway: "", dhcpFirst: "", dhcpLast: "" };
  if (item.instType === netinst.ZNetworkInstType.ZnetInstSwitch) {
    const accessPorts = item.vlanAccessPorts.map(({ vlanId: vlan, accessPort: port }) => ({ vlan, port }));
    const guarded = item.stp?.portsWithBpduGuard ?? "";
    return {
      ...{ ...common, kind: "switch", ...none },
      ...(accessPorts.length === 0 ? {} : { accessPorts }),
      ...(guarded === "" ? {} : { guarded }),
      ...(item.forwardLldp ? { forwardLldp: true } : {}),
    };
  }
  if (fault !== undefined) return { ...common, kind: "local", ...none };
  const part = translateSubnet(item, id, field);
  const routes = translateRoutes(item, familyOf(part.subnet), field);
  const ntp = [item.ip?.ntp ?? "", ...(item.ip?.moreNtp ?? [])].filter((it) => it !== "");
  return {
    ...{ ...common, kind: "local", ...part },
    // A configuration may name the network's own resolver, which asks others; itself it must not ask.
    dns: common.dns.filter((address) => address !== part.gateway),
    ...(item.ip?.domain ? { domain: item.ip.domain } : {}),
    ...(ntp.length === 0 ? {} : { ntp }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(item.propagateConnectedRoutes ? { connectedRoutes: true } : {}),
  };
}

/** VLANs that an end may be of: 1 is what has no tag. */
export const accessVlanMin = 2;
export const accessVlanMax = 4094;

/** Ethernet's least for IPv6, and what 16 bits hold. */
const mtuMin = 1280;
const mtuMax = 65_535;

function faultOf(item: Instance, field: string): string | undefined {
  const { ZnetInstSwitch, ZnetInstLocal } = netinst.ZNetworkInstType;
  if (item.instType !== ZnetInstSwitch && item.instType !== ZnetInstLocal)
    return `${field}.instType: type ${item.instType} is neither switch (1) nor local (2)`;
  if (item.mtu !== 0 && (item.mtu < mtuMin || item.mtu > mtuMax))
    return `${field}.mtu: ${item.mtu} is not between ${mtuMin} and ${mtuMax}`;
  if (item.vlanAccessPorts.length > 0 && item.instType !== ZnetInstSwitch)
    return `${field}.vlan_access_ports: a local network has none`;
  const wrong = item.vlanAccessPorts.find(({ vlanId }) => vlanId < accessVlanMin || vlanId > accessVlanMax);
  if (wrong !== undefined)
    return `${field}.vlan_access_ports: ${wrong.vlanId} is not between ${accessVlanMin} and ${accessVlanMax}`;
  if (item.instType === ZnetInstSwitch) return undefined;
  const family = item.ipType === netinst.AddressType.IPV6 ? "ip6" : "ip";
  return item.staticRoutes
    .map((route, at) => probeFault(route, family, `${field}.static_routes[${at}].probe.custom_probe`))
    .find((found) => found !== undefined);
}

type SubnetPart = Pick<NetworkSpec, "subnet" | "gateway" | "dhcpFirst" | "dhcpLast">;

function translateSubnet({ ip, ipType }: Instance, id: string, field: string): SubnetPart {
  const family = ipType === netinst.AddressType.IPV6 ? "ip6" : "ip";
  const text = ip?.subnet ?? "";
  const subnet = text === "" && family === "ip6" ? ownPrefix(id) : parseSubnet(text, family);
  if (subnet === undefined)
    throw new ConfigFault(`${field}.ip.subnet`, `${JSON.stringify(text)} is not ${subnets[family]}`);
  const range = addressRange(subnet, ip?.gateway ?? "", ip?.dhcpRange?.start ?? "", ip?.dhcpRange?.end ?? "");
  if ("fault" in range) throw new ConfigFault(`${field}.ip.${range.field}`, range.fault);
  return { subnet: subnet.text, ...range };
}

const subnets: Readonly<Record<Family, string>> = {
  ip: "an IPv4 network like 10.1.0.0/24",
  ip6: "an IPv6 network like fd00:1::/64, from /64 to /124",
};
const families = {
  ip: { name: "IPv4", everywhere: "0.0.0.0/0", bits: 32 },
  ip6: { name: "IPv6", everywhere: "::/0", bits: 128 },
} as const;

function translateRoutes({ staticRoutes }: Instance, family: Family, field: string): RouteSpec[] {
  const { name, everywhere, bits: most } = families[family];
  return staticRoutes.map((route, at) => {
    const { destinationNetwork, gateway, port } = route;
    const text = destinationNetwork === "default" ? everywhere : destinationNetwork;
    const [address = "", bits = ""] = text.split("/");
    const where = `${field}.static_routes[${at}]`;
    const ours = (it: string): boolean => isAddress(it) && familyOf(it) === family;
    if (!ours(address) || !/^\d{1,3}$/.test(bits) || Number(bits) > most)
      throw new ConfigFault(
        `${where}.destination_network`,
        `${JSON.stringify(text)} is not an ${name} network`,
      );
    if (gateway !== "" && !ours(gateway))
      throw new ConfigFault(`${where}.gateway`, `${JSON.stringify(gateway)} is not an ${name} address`);
    if (gateway === "" && port === "") throw new ConfigFault(`${where}.gateway`, "write it, or a port");
    const choice = wayChoice(route, family);
    return {
      ...{ destination: `${plainAddress(address)}/${bits}`, gateway: plainAddress(gateway), port },
      ...(port === "" || Object.keys(choice).length === 0 ? {} : { choice }),
    };
  });
}

function dnsServers({ ip }: Instance, field: string): string[] {
  const wrong = ip?.dns.find((address) => !isAddress(address));
  if (wrong !== undefined)
    throw new ConfigFault(`${field}.ip.dns`, `${JSON.stringify(wrong)} is not an address`);
  return [...(ip?.dns ?? [])];
}

function hosts({ dns }: Instance, field: string): NetworkSpec["hosts"] {
  return dns.map(({ HostName, Address }, at) => {
    if (!/^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$/.test(HostName))
      throw new ConfigFault(`${field}.dns[${at}].HostName`, `${JSON.stringify(HostName)} is not a host name`);
    const wrong = Address.find((address) => !isAddress(address));
    if (wrong !== undefined)
      throw new ConfigFault(`${field}.dns[${at}].Address`, `${JSON.stringify(wrong)} is not an address`);
    return { name: HostName, addresses: [...Address] };
  });
}
