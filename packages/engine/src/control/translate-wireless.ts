/** What a port's card is, and the wireless networks it may join. Pure. */
import { toBinary } from "@bufbuild/protobuf";
import { cipher, type config, devmodelCommon, netCommon, type netconfig } from "@selvedge/eve-api";
import type { PortSecret, WifiNetwork } from "../port/port-spec.ts";
import type { LowerLayer } from "./translate-links.ts";

const { PhyIoNetEth, PhyIoNetWLAN, PhyIoNetWWAN } = devmodelCommon.PhyIoType;
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
  if (card?.ptype === PhyIoNetWWAN)
    faults.push(`deviceIoList: ${label} is a modem, which this node leaves to the box's own system`);
  else if (card !== undefined && card.ptype !== PhyIoNetWLAN && card.ptype !== PhyIoNetEth)
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
