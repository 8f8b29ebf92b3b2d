/** The node's ports as a local profile server is told of them, and as it may have them. Pure. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { netCommon, profileNetwork } from "@selvedge/eve-api";
import type { PortAddress, PortSpec } from "../../desired.ts";
import type { Adapter } from "../../hardware/hardware.ts";
import type { PortsStatus } from "../../observed.ts";
import { type LocalPort, labelOf } from "../../operator/local-ports.ts";
import { isFailing, type PortConfig } from "../../port/port-book.ts";
import type { CellularNetwork } from "../../port/port-spec.ts";
import { isAddress } from "../subnet.ts";
import { proxyOf } from "../translate-ports.ts";
import { probePart } from "../translate-wireless.ts";

const {
  IP_VERSION_DUAL_STACK: dualStack,
  IP_VERSION_IPV4_ONLY: ipv4Only,
  IP_VERSION_IPV6_ONLY: ipv6Only,
} = profileNetwork.IPVersion;

type Wish = profileNetwork.LocalNetworkConfig["ports"][number];
type PortConfigInit = Exclude<
  MessageInitShape<typeof profileNetwork.NetworkPortConfigSchema>,
  profileNetwork.NetworkPortConfig
>;
type PortStatusInit = MessageInitShape<typeof profileNetwork.NetworkPortStatusSchema>;

export interface NetworkFacts {
  readonly ports: PortsStatus | undefined;
  /** Where the controller says nothing of ports: the box's cards as they are. */
  readonly adapters: readonly Adapter[];
  /** What the server wants. */
  readonly local: readonly LocalPort[];
  /** Why that is not followed, by label. */
  readonly faults: ReadonlyMap<string, string>;
  /** Why the last configuration of the server is not taken; empty: it is, or it gave none. */
  readonly fault: string;
}

export function encodeNetwork({ ports, adapters, local, faults, fault }: NetworkFacts): Uint8Array {
  const [newest, inForce] = [ports?.book.configs[0], ports?.book.configs[ports.book.current]];
  const isFallback = ports !== undefined && ports.book.current > 0;
  const value = create(profileNetwork.NetworkInfoSchema, {
    latestConfig: configInfo(newest, !isFallback),
    ...(inForce === undefined ? {} : { configTesting: testing(inForce) }),
    isUsingFallbackConfig: isFallback,
    fallbackConfig: isFallback ? configInfo(inForce, true) : [],
    localConfig: {
      ports: local.map((port) => ({
        ...how({ ...port, local: true }),
        logicalLabel: port.label,
        configApplied: !faults.has(port.label) && inForce?.ports.some((it) => isOf(it, port)) === true,
        errorMessage: faults.get(port.label) ?? "",
      })),
      errorMessage: fault,
    },
    portStatus:
      inForce === undefined
        ? adapters.map(adapterStatus)
        : inForce.ports.map((port) => portStatus(port, ports?.cards ?? {})),
  });
  return toBinary(profileNetwork.NetworkInfoSchema, value);
}

function isOf(port: PortSpec, { label }: LocalPort): boolean {
  return port.local === true && labelOf(port) === label;
}

function configInfo(config: PortConfig | undefined, applied: boolean): PortConfigInit[] {
  return (config?.ports ?? []).map((port) => ({
    ...how(port),
    logicalLabel: labelOf(port),
    portAddresses: { interfaceName: port.interface },
    configApplied: applied,
    localModificationsAllowed: port.localChanges === true,
    errorMessage: port.fault ?? config?.errors?.[port.name] ?? "",
    configSource: {
      origin: port.local ? netCommon.NetworkConfigOrigin.LPS : netCommon.NetworkConfigOrigin.CONTROLLER,
      submittedAt: timestampFromMs(config?.since ?? 0),
    },
  }));
}

type How = Pick<PortSpec, "address" | "mtu" | "proxy" | "wifi" | "cellular" | "local">;

/** Names and passwords are never told. */
function how({ address = { kind: "dhcp" }, mtu = 0, proxy, wifi, cellular }: How): PortConfigInit {
  const fixed = address.kind === "static" ? address : undefined;
  const family = address.kind === "dhcp" ? address.family : undefined;
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(proxy?.server ?? "") ?? [];
  return {
    ipVersion: family === undefined ? dualStack : family === "ipv4" ? ipv4Only : ipv6Only,
    ...{ useDhcp: address.kind === "dhcp", mtu },
    ipAddresses: fixed === undefined ? [] : [fixed.address],
    gateways: fixed === undefined || fixed.gateway === "" ? [] : [fixed.gateway],
    withoutDefaultRoute: fixed?.gateway === "",
    ...{ dnsServers: [...(fixed?.dns ?? [])], dnsDomain: fixed?.domain ?? "" },
    ntpServers: [...(fixed?.ntp ?? [])],
    ...(proxy === undefined
      ? {}
      : {
          proxyConfig: {
            networkProxyEnable: proxy.automatic,
            exceptions: proxy.exceptions.join(","),
            proxies:
              host === ""
                ? []
                : [{ proto: netCommon.proxyProto.PROXY_HTTPS, server: host, port: Number(port) }],
            proxyCertPEM: proxy.certificates.map((pem) => new TextEncoder().encode(pem)),
          },
        }),
    ...wirelessInfo(wifi, cellular),
  };
}

function wirelessInfo(wifi: How["wifi"], cellular: How["cellular"]): PortConfigInit {
  const { WIFI, CELLULAR } = profileNetwork.WirelessType;
  const [first] = wifi ?? [];
  if (wifi !== undefined) {
    const keyScheme = keySchemes[first?.security ?? "open"];
    const value = { ssid: first?.ssid ?? "", keyScheme };
    return { wirelessDeviceType: WIFI, wirelessConfig: { case: "wifiConfig", value } };
  }
  if (cellular === undefined) return {};
  const value = {
    ...{ apn: cellular.apn, activateSimSlot: cellular.simSlot, forbidRoaming: !cellular.roaming },
    ...{ ipType: ipTypes[cellular.family], locationTracking: cellular.locate === true },
    defaultBearerAuth: { authProtocol: protocols[cellular.authentication] },
    ...(cellular.attach === undefined ? {} : attachInfo(cellular.attach)),
    ...(cellular.probe === undefined ? {} : { probe: probeInfo(cellular.probe) }),
  };
  return { wirelessDeviceType: CELLULAR, wirelessConfig: { case: "cellularConfig", value } };
}

function attachInfo({
  apn: attachApn,
  family,
  authentication,
}: NonNullable<CellularNetwork["attach"]>): Exclude<
  MessageInitShape<typeof profileNetwork.CellularConfigSchema>,
  profileNetwork.CellularConfig
> {
  return {
    ...{ attachApn, attachBearerAuth: { authProtocol: protocols[authentication] } },
    ...(family === "" ? {} : { attachIpType: ipTypes[family] }),
  };
}

function probeInfo(
  probe: NonNullable<CellularNetwork["probe"]>,
): MessageInitShape<typeof profileNetwork.CellularConnectivityProbeSchema> {
  if (probe.kind === "none") return { disable: true };
  const { ICMP, TCP } = netCommon.ConnectivityProbeMethod;
  const probeEndpoint = { host: probe.host ?? "", port: probe.kind === "tcp" ? probe.port : 0 };
  return { customProbe: { probeMethod: probe.kind === "tcp" ? TCP : ICMP, probeEndpoint } };
}

const { SchemeNOOP, WPAPSK, WPAEAP } = netCommon.WiFiKeyScheme;
const keySchemes = { open: SchemeNOOP, psk: WPAPSK, eap: WPAEAP } as const;
const { CellularIPType: Family, CellularAuthProtocol: Auth } = netCommon;
const ipTypes = {
  ipv4: Family.CELLULAR_IP_TYPE_IPV4,
  ipv6: Family.CELLULAR_IP_TYPE_IPV6,
  ipv4v6: Family.CELLULAR_IP_TYPE_IPV4_AND_IPV6,
} as const;
const protocols = {
  ...{ none: Auth.NONE, pap: Auth.PAP, chap: Auth.CHAP, "pap-chap": Auth.PAP_AND_CHAP },
} as const;

function testing(
  config: PortConfig,
): MessageInitShape<typeof profileNetwork.NetworkConfigTestingStatusSchema> {
  const { lastFailed, lastSucceeded, lastError } = config;
  const tested = Math.max(lastFailed ?? 0, lastSucceeded ?? 0);
  return {
    controllerReachable: lastSucceeded !== undefined && !isFailing(config),
    connectivityError: lastError,
    ...(tested === 0 ? {} : { lastTestTime: timestampFromMs(tested) }),
    testingInProgress: tested === 0,
    testingPhase: tested === 0 ? "not tried yet" : isFailing(config) ? "failed" : "works",
  };
}

function portStatus(port: PortSpec, cards: PortsStatus["cards"]): PortStatusInit {
  const card = cards[port.interface];
  const fixed = port.address?.kind === "static" ? port.address : undefined;
  return {
    ...{ logicalLabel: labelOf(port), interfaceName: port.interface, linkUp: card?.up ?? false },
    ...{ macAddress: card?.mac ?? "", mtu: card?.mtu ?? 0 },
    ...{ ipAddresses: [...(card?.addresses ?? [])], gateways: [...(card?.gateways ?? [])] },
    ...{ dnsServers: [...(card?.dns ?? [])], dnsDomain: fixed?.domain ?? "" },
    ntpServers: [...(fixed?.ntp ?? [])],
  };
}

function adapterStatus(it: Adapter): PortStatusInit {
  return {
    ...{ logicalLabel: it.name, interfaceName: it.name, linkUp: it.up, macAddress: it.mac, mtu: it.mtu },
    ...{ ipAddresses: [...it.addresses], gateways: [...it.routers] },
    ...{ dnsServers: [...it.dnsServers], dnsDomain: it.dnsDomain },
  };
}

/** The server's configuration makes no sense, or asks for what this node does not do; nothing of it is taken. */
class LocalNetworkError extends Error {
  override name = "LocalNetworkError";
}

/** More ports than any box has. */
const portsMax = 64;

/** All of them, or a LocalNetworkError with the port that is wrong: half a network is none. */
export function readNetwork(wishes: readonly Wish[], known: readonly PortSpec[]): LocalPort[] {
  if (wishes.length > portsMax) throw new LocalNetworkError(`more than ${portsMax} ports`);
  return wishes.map((wish) => {
    const label = wish.logicalLabel;
    const wrong = (what: string): never => {
      throw new LocalNetworkError(`port ${JSON.stringify(label)}: ${what}`);
    };
    if (label === "") throw new LocalNetworkError("port configuration with undefined logical label");
    if (!known.some((port) => labelOf(port) === label)) wrong("is not among those of the controller");
    const { mtu, proxyConfig } = wish;
    if (mtu !== 0 && (mtu < 1280 || mtu > 65_535)) wrong(`MTU ${mtu} is not between 1280 and 65535`);
    const proxy = proxyConfig && proxyOf(proxyConfig);
    return {
      ...{ label, address: addressOf(wish, wrong) },
      ...(mtu === 0 ? {} : { mtu }),
      ...(proxy === undefined ? {} : { proxy }),
      ...wirelessOf(wish, wrong),
    };
  });
}

type Wrong = (what: string) => never;

function addressOf(wish: Wish, wrong: Wrong): PortAddress {
  const { ipVersion, useDhcp, ipAddresses, gateways, dnsServers, dnsDomain, ntpServers } = wish;
  const only = ipVersion === ipv4Only ? "ipv4" : ipVersion === ipv6Only ? "ipv6" : undefined;
  const ignored = wish.dhcpOptionsIgnore;
  if (useDhcp) {
    const given = [ipAddresses, gateways, dnsServers, ntpServers].some(({ length }) => length > 0);
    const partial = given || dnsDomain !== "" || wish.withoutDefaultRoute;
    const exclusive =
      ignored?.ntpServerExclusively === true ||
      ignored?.ipAddressesExclusively === true ||
      ignored?.gatewaysExclusively === true ||
      ignored?.dnsConfigExclusively === true;
    if (partial || exclusive)
      wrong("with use_dhcp this node takes all that the network says, and nothing else; write it static");
    return { kind: "dhcp", ...(only === undefined ? {} : { family: only }) };
  }
  const [address = "", ...addresses] = ipAddresses;
  const [gateway = "", ...others] = gateways;
  if (addresses.length > 0) wrong("multiple static IP addresses are not supported");
  if (others.length > 0) wrong("multiple static IP gateways are not supported");
  const [host = "", bits = ""] = address.split("/");
  const six = host.includes(":");
  const longest = six ? 128 : 32;
  if (!isAddress(host) || !/^\d{1,3}$/.test(bits) || Number(bits) > longest)
    wrong(`invalid IP address ${JSON.stringify(address)}: write it with the length of its prefix`);
  if (only !== undefined && (only === "ipv6") !== six) wrong(`${address} is not of the one family allowed`);
  if (gateway !== "" && (!isAddress(gateway) || gateway.includes(":") !== six))
    wrong(`invalid gateway IP address ${JSON.stringify(gateway)}`);
  const unknown = dnsServers.find((it) => !isAddress(it));
  if (unknown !== undefined) wrong(`invalid DNS server IP address ${JSON.stringify(unknown)}`);
  return {
    ...{ kind: "static", address, gateway: wish.withoutDefaultRoute ? "" : gateway },
    ...{ dns: [...dnsServers], domain: dnsDomain, ntp: [...ntpServers] },
  };
}

function wirelessOf(wish: Wish, wrong: Wrong): Pick<LocalPort, "wifi" | "cellular"> {
  const { WIFI, CELLULAR } = profileNetwork.WirelessType;
  const { case: kind, value } = wish.wirelessConfig;
  if (wish.wirelessDeviceType === WIFI) {
    if (kind !== "wifiConfig") return wrong("missing WiFi configuration");
    const { ssid, keyScheme, identity: user, password } = value;
    const length = new TextEncoder().encode(ssid).length;
    if (length === 0 || length > 32) wrong(`SSID ${JSON.stringify(ssid)} is not 1 to 32 bytes`);
    const security = ([SchemeNOOP, WPAPSK, WPAEAP] as const).find((it) => it === keyScheme);
    if (security === undefined) return wrong(`key scheme ${keyScheme} is none of 0, 1 and 2`);
    const name = security === WPAPSK ? "psk" : security === WPAEAP ? "eap" : "open";
    return { wifi: [{ ssid, security: name, priority: 0, secret: { kind: "clear", user, password } }] };
  }
  if (wish.wirelessDeviceType !== CELLULAR) return {};
  if (kind !== "cellularConfig") return wrong("missing cellular configuration");
  const { apn, activateSimSlot: simSlot, defaultBearerAuth: auth, ipType, forbidRoaming } = value;
  if (apn === "" || apn.length > 100) wrong("the APN is not 1 to 100 characters");
  const { attachApn, attachIpType, attachBearerAuth } = value;
  if (attachApn.length > 100) wrong("attach_apn is longer than 100 characters");
  const named = <K extends string>(names: Readonly<Record<K, number>>, wanted: number): K | undefined =>
    (Object.keys(names) as K[]).find((name) => names[name] === wanted);
  return {
    cellular: {
      ...{ apn, simSlot, roaming: !forbidRoaming, family: named(ipTypes, ipType) ?? "ipv4v6" },
      ...(value.locationTracking ? { locate: true } : {}),
      ...probePart(value.probe, (fault) => wrong(`probe: ${fault}`)),
      authentication: named(protocols, auth?.authProtocol ?? 0) ?? "none",
      ...(attachApn === ""
        ? {}
        : {
            attach: {
              ...{ apn: attachApn, family: named(ipTypes, attachIpType) ?? "" },
              authentication: named(protocols, attachBearerAuth?.authProtocol ?? 0) ?? "none",
            },
          }),
      secret: {
        ...{ kind: "clear", user: auth?.username ?? "", password: auth?.password ?? "" },
        ...(attachBearerAuth === undefined || attachApn === ""
          ? {}
          : { attachUser: attachBearerAuth.username, attachPassword: attachBearerAuth.password }),
      },
    },
  };
}
