/** Network instances → NetworkSpecs. Pure. What one of them asks that the node lacks is a fault of it alone. */
import { type config, netinst } from "@selvedge/eve-api";
import type { NetworkId, NetworkSpec, RouteSpec } from "../desired.ts";
import { ConfigFault, isUuid, unique } from "./config-fault.ts";
import { addressRange, isAddress, parseSubnet } from "./subnet.ts";

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
  if (item.instType === netinst.ZNetworkInstType.ZnetInstSwitch)
    return { ...common, kind: "switch", ...none };
  if (fault !== undefined) return { ...common, kind: "local", ...none };
  const part = translateSubnet(item, field);
  const routes = translateRoutes(item, field);
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

/** Ethernet's least for IPv6, and what 16 bits hold. */
const mtuMin = 1280;
const mtuMax = 65_535;

function faultOf(item: Instance, field: string): string | undefined {
  const { ZnetInstSwitch, ZnetInstLocal } = netinst.ZNetworkInstType;
  if (item.instType !== ZnetInstSwitch && item.instType !== ZnetInstLocal)
    return `${field}.instType: type ${item.instType} is neither switch (1) nor local (2)`;
  if (item.instType === ZnetInstLocal && item.ipType === netinst.AddressType.IPV6)
    return `${field}.ipType: local networks of this node have IPv4 only`;
  if (item.mtu !== 0 && (item.mtu < mtuMin || item.mtu > mtuMax))
    return `${field}.mtu: ${item.mtu} is not between ${mtuMin} and ${mtuMax}`;
  if (item.vlanAccessPorts.length > 0)
    return `${field}.vlan_access_ports: this node's switches have no VLANs`;
  return undefined;
}

type SubnetPart = Pick<NetworkSpec, "subnet" | "gateway" | "dhcpFirst" | "dhcpLast">;

function translateSubnet({ ip }: Instance, field: string): SubnetPart {
  const subnet = parseSubnet(ip?.subnet ?? "");
  if (subnet === undefined)
    throw new ConfigFault(
      `${field}.ip.subnet`,
      `${JSON.stringify(ip?.subnet ?? "")} is not an IPv4 network like 10.1.0.0/24`,
    );
  const range = addressRange(subnet, ip?.gateway ?? "", ip?.dhcpRange?.start ?? "", ip?.dhcpRange?.end ?? "");
  if ("fault" in range) throw new ConfigFault(`${field}.ip.${range.field}`, range.fault);
  return { subnet: subnet.text, ...range };
}

function translateRoutes({ staticRoutes }: Instance, field: string): RouteSpec[] {
  return staticRoutes.map(({ destinationNetwork, gateway, port }, at) => {
    const text = destinationNetwork === "default" ? "0.0.0.0/0" : destinationNetwork;
    const [address = "", bits = ""] = text.split("/");
    const where = `${field}.static_routes[${at}]`;
    if (!isAddress(address) || address.includes(":") || !/^\d{1,2}$/.test(bits) || Number(bits) > 32)
      throw new ConfigFault(`${where}.destination_network`, `${JSON.stringify(text)} is not an IPv4 network`);
    if (gateway !== "" && (!isAddress(gateway) || gateway.includes(":")))
      throw new ConfigFault(`${where}.gateway`, `${JSON.stringify(gateway)} is not an IPv4 address`);
    if (gateway === "" && port === "") throw new ConfigFault(`${where}.gateway`, "write it, or a port");
    return { destination: text, gateway, port };
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
