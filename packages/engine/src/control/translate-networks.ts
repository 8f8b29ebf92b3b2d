/** Network instances → NetworkSpecs. Pure. */
import { type config, netinst } from "@selvedge/eve-api";
import type { NetworkId, NetworkSpec, RouteSpec } from "../desired.ts";
import { type Family, familyOf, plainAddress } from "../network/address.ts";
import { unreadText } from "../unread.ts";
import { ConfigFault, readEach } from "./config-fault.ts";
import { addressRange, isAddress, ownPrefix, parseSubnet } from "./subnet.ts";
import { refuseProbe, wayChoice } from "./translate-ways.ts";

type Instance = netinst.NetworkInstanceConfig;

export function translateNetworks(
  { networkInstances }: config.EdgeDevConfig,
  before?: readonly NetworkSpec[],
): NetworkSpec[] {
  return readEach<Instance, NetworkSpec>({
    ...{ field: "networkInstances", idField: "uuidandversion.uuid", items: networkInstances, before },
    idOf,
    read: translateNetwork,
    kept: (known) => known,
    blank: (item, _id, unread) => ({
      ...{ ...named(item), ...none, dns: [], hosts: [], unread, fault: unreadText(unread) },
      kind: item.instType === netinst.ZNetworkInstType.ZnetInstSwitch ? "switch" : "local",
    }),
  });
}

const none = { subnet: "", gateway: "", dhcpFirst: "", dhcpLast: "" };

function idOf({ uuidandversion }: Instance): string {
  return uuidandversion?.uuid.toLowerCase() ?? "";
}

function named(item: Instance): Pick<NetworkSpec, "id" | "name" | "version" | "port"> {
  const [id, version = ""] = [idOf(item), item.uuidandversion?.version];
  return {
    ...{ id: id as NetworkId, name: item.displayname || id, port: item.port?.name ?? "" },
    ...(version === "" ? {} : { version }),
  };
}

function translateNetwork(item: Instance, field: string): NetworkSpec {
  refuseUnknown(item, field);
  const common = {
    ...{ ...named(item), dns: dnsServers(item, field), hosts: hosts(item, field) },
    ...(item.activate ? {} : { inactive: true }),
    ...(item.mtu === 0 ? {} : { mtu: item.mtu }),
    ...(item.disableFlowlog ? {} : { flowLog: true }),
  };
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
  const part = translateSubnet(item, common.id, field);
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

function refuseUnknown(item: Instance, field: string): void {
  const { ZnetInstSwitch, ZnetInstLocal } = netinst.ZNetworkInstType;
  const { instType, mtu, vlanAccessPorts } = item;
  if (instType !== ZnetInstSwitch && instType !== ZnetInstLocal)
    throw new ConfigFault(`${field}.instType`, `type ${instType} is neither switch (1) nor local (2)`);
  if (mtu !== 0 && (mtu < mtuMin || mtu > mtuMax))
    throw new ConfigFault(`${field}.mtu`, `${mtu} is not between ${mtuMin} and ${mtuMax}`);
  const vlans = `${field}.vlan_access_ports`;
  if (vlanAccessPorts.length > 0 && instType !== ZnetInstSwitch)
    throw new ConfigFault(vlans, "a local network has none");
  const wrong = vlanAccessPorts.find(({ vlanId }) => vlanId < accessVlanMin || vlanId > accessVlanMax);
  if (wrong !== undefined)
    throw new ConfigFault(vlans, `${wrong.vlanId} is not between ${accessVlanMin} and ${accessVlanMax}`);
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
    refuseProbe(route, family, `${where}.probe.custom_probe`);
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
