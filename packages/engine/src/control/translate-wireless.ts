/** What a port's card is, and the wireless networks it may join. Pure. */
import { toBinary } from "@bufbuild/protobuf";
import { cipher, type config, devmodelCommon, netCommon, type netconfig } from "@selvedge/eve-api";
import type { RadioTechnology } from "../port/cellular/modem-state.ts";
import type { CellularNetwork, PortSecret, WifiNetwork } from "../port/port-spec.ts";
import { isAddress } from "./subnet.ts";
import type { LowerLayer } from "./translate-links.ts";

const { PhyIoNetEth, PhyIoNetEthPF, PhyIoNetWLAN, PhyIoNetWWAN } = devmodelCommon.PhyIoType;
const ssidBytesMax = 32;
const networksMax = 32;

/** Undefined where the port is none of Wi-Fi. What is wrong goes to `faults`. */
export function wifiOf(
  card: LowerLayer["card"],
  network: netconfig.NetworkConfig | undefined,
  message: config.EdgeDevConfig,
  faults: string[],
): readonly WifiNetwork[] | undefined {
  const wanted = network?.wireless?.type === netCommon.WirelessType.WiFi;
  const label = card?.logicallabel || card?.phylabel;
  const cards: readonly number[] = [PhyIoNetWWAN, PhyIoNetWLAN, PhyIoNetEth, PhyIoNetEthPF];
  if (card !== undefined && !cards.includes(card.ptype))
    faults.push(`deviceIoList: ${label} is no network card`);
  if (card?.ptype !== PhyIoNetWLAN) {
    if (wanted) faults.push(`networks.wireless: ${label ?? "what the port is on"} is no Wi-Fi card`);
    return undefined;
  }
  // Without a network it is a port that nobody uses yet.
  if (network === undefined) return undefined;
  const list = network.wireless?.wifiCfg ?? [];
  if (!wanted || list.length === 0) faults.push(`networks.wireless: ${label} is Wi-Fi and needs a wifiCfg`);
  if (list.length > networksMax) faults.push(`networks.wireless.wifiCfg: more than ${networksMax}`);
  return list.slice(0, networksMax).map((item) => wifiNetwork(item, message, faults));
}

const { WPAPSK, WPAEAP, SchemeNOOP } = netCommon.WiFiKeyScheme;

function wifiNetwork(
  item: netconfig.WirelessConfig["wifiCfg"][number],
  message: config.EdgeDevConfig,
  faults: string[],
): WifiNetwork {
  const { wifiSSID: ssid, keyScheme, priority } = item;
  const bytes = new TextEncoder().encode(ssid).length;
  if (bytes === 0 || bytes > ssidBytesMax)
    faults.push(`wifiCfg.wifiSSID: ${JSON.stringify(ssid)} is not 1 to ${ssidBytesMax} bytes`);
  if (keyScheme !== WPAPSK && keyScheme !== WPAEAP && keyScheme !== SchemeNOOP)
    faults.push(`wifiCfg.keyScheme: ${keyScheme} of ${ssid} is none of 0, 1 and 2`);
  const security = keyScheme === WPAEAP ? "eap" : keyScheme === WPAPSK ? "psk" : "open";
  const clear = {
    user: item.identity || item.crypto?.identity || "",
    password: item.password || item.crypto?.password || "",
  };
  const secret = secretOf(item.cipherData, clear, message, `wifiCfg of ${ssid}`, faults);
  return { ssid, security, priority, secret };
}

/** Undefined where the port is on no modem. What is wrong goes to `faults`. */
export function cellularOf(
  card: LowerLayer["card"],
  network: netconfig.NetworkConfig | undefined,
  message: config.EdgeDevConfig,
  faults: string[],
): CellularNetwork | undefined {
  const wanted = network?.wireless?.type === netCommon.WirelessType.Cellular;
  const label = card?.logicallabel || card?.phylabel;
  if (card?.ptype !== PhyIoNetWWAN) {
    if (wanted) faults.push(`networks.wireless: ${label ?? "what the port is on"} is no modem`);
    return undefined;
  }
  if (network === undefined) return undefined;
  const [item, second] = network.wireless?.cellularCfg ?? [];
  if (!wanted || item === undefined)
    faults.push(`networks.wireless: ${label} is a modem and needs a cellularCfg`);
  if (item === undefined) return undefined;
  if (second !== undefined) faults.push("networks.wireless.cellularCfg: only one is known");
  const { accessPoints, activatedSimSlot: slot } = item;
  const access = accessPoints.find(({ simSlot }) => slot === 0 || simSlot === slot || simSlot === 0);
  if (access === undefined && accessPoints.length > 0)
    faults.push(`cellularCfg.access_points: none is for SIM slot ${slot}`);
  const apn = access?.apn || item.APN;
  if (apn === "" || apn.length > apnMax) faults.push(`cellularCfg.apn: is not 1 to ${apnMax} characters`);
  const none = { user: "", password: "" };
  return {
    ...{ apn, simSlot: slot, authentication: protocols[access?.authProtocol ?? 0] ?? "none" },
    ...{ roaming: !(access?.forbidRoaming ?? false), family: families[access?.ipType ?? 0] ?? "ipv4v6" },
    ...(item.locationTracking ? { locate: true } : {}),
    ...attachPart(access, faults),
    ...technologiesPart(access?.preferredRats ?? []),
    ...probePart(item.probe, (fault) => faults.push(`cellularCfg.probe: ${fault}`)),
    secret: secretOf(access?.cipherData, none, message, `cellularCfg of ${apn}`, faults),
  };
}

const apnMax = 100;
const { CellularAuthProtocol: Auth, CellularIPType: Family } = netCommon;
const protocols: Readonly<Record<number, CellularNetwork["authentication"]>> = {
  [Auth.PAP]: "pap",
  [Auth.CHAP]: "chap",
  [Auth.PAP_AND_CHAP]: "pap-chap",
};
const families: Readonly<Record<number, CellularNetwork["family"]>> = {
  [Family.CELLULAR_IP_TYPE_IPV4]: "ipv4",
  [Family.CELLULAR_IP_TYPE_IPV6]: "ipv6",
  [Family.CELLULAR_IP_TYPE_IPV4_AND_IPV6]: "ipv4v6",
};

function attachPart(
  access: netconfig.CellularAccessPoint | undefined,
  faults: string[],
): Pick<CellularNetwork, "attach"> {
  const { attachApn: apn = "", attachAuthProtocol = 0, attachIpType = 0 } = access ?? {};
  if (apn === "") return {};
  if (apn.length > apnMax) faults.push(`cellularCfg.attach_apn: is longer than ${apnMax} characters`);
  const authentication = protocols[attachAuthProtocol] ?? "none";
  return { attach: { apn, authentication, family: families[attachIpType] ?? "" } };
}

const { RadioAccessTechnology: Radio } = netCommon;
const radios: Readonly<Record<number, RadioTechnology>> = {
  [Radio.RADIO_ACCESS_TECHNOLOGY_GSM]: "gsm",
  [Radio.RADIO_ACCESS_TECHNOLOGY_UMTS]: "umts",
  [Radio.RADIO_ACCESS_TECHNOLOGY_LTE]: "lte",
  [Radio.RADIO_ACCESS_TECHNOLOGY_5GNR]: "5gnr",
};

function technologiesPart(
  all: readonly netCommon.RadioAccessTechnology[],
): Pick<CellularNetwork, "technologies"> {
  const known = [...new Set(all.flatMap((it) => radios[it] ?? []))];
  return known.length === 0 ? {} : { technologies: known };
}

type CustomProbe = netCommon.ConnectivityProbe | undefined;
const hostForm = /^[a-z0-9]([a-z0-9.:-]*[a-z0-9:])?$/i;

/** How it is found out whether a modem leads anywhere; nothing where that is as for all. */
export function probePart(
  said:
    | { readonly disable: boolean; readonly customProbe?: CustomProbe; readonly probeAddress?: string }
    | undefined,
  wrong: (fault: string) => void,
): Pick<CellularNetwork, "probe"> {
  const { UNSPECIFIED, ICMP, TCP } = netCommon.ConnectivityProbeMethod;
  if (said === undefined) return {};
  if (said.disable) return { probe: { kind: "none" } };
  const { probeMethod = UNSPECIFIED, probeEndpoint } = said.customProbe ?? {};
  const { host = "", port = 0 } = probeEndpoint ?? {};
  if (probeMethod === TCP) {
    if (!isAddress(host)) wrong(`custom_probe: TCP needs the address of a host, not ${JSON.stringify(host)}`);
    if (port === 0 || port > 65_535) wrong(`custom_probe: port ${port} is not 1 to 65535`);
    return { probe: { kind: "tcp", host, port } };
  }
  if (probeMethod !== ICMP && probeMethod !== UNSPECIFIED)
    wrong(`custom_probe: method ${probeMethod} is none of 0, 1 and 2`);
  // Of a configuration from before there were methods.
  const pinged = probeMethod === ICMP ? host : (said.probeAddress ?? "");
  if (pinged === "") return probeMethod === ICMP ? { probe: { kind: "ping" } } : {};
  const isHost = probeMethod === ICMP ? isAddress(pinged) : hostForm.test(pinged);
  if (!isHost) wrong(`${JSON.stringify(pinged)} is no address of a host`);
  return { probe: { kind: "ping", host: pinged } };
}

/** Never both: clear text beside a block would be a way around it. */
export function secretOf(
  block: cipher.CipherBlock | undefined,
  clear: { readonly user: string; readonly password: string },
  { cipherContexts }: config.EdgeDevConfig,
  what: string,
  faults: string[],
): PortSecret {
  if (block === undefined) return { kind: "clear", ...clear };
  const context = cipherContexts.find(({ contextId }) => contextId === block.cipherContextId);
  if (context === undefined) {
    faults.push(`${what}: the configuration has no cipher context ${block.cipherContextId}`);
    return { kind: "clear", user: "", password: "" };
  }
  return {
    kind: "sealed",
    block: toBinary(cipher.CipherBlockSchema, block).toBase64(),
    context: toBinary(cipher.CipherContextSchema, context).toBase64(),
  };
}
