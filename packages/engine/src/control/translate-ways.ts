/** How one port of several is found for a way out → WayChoice. Pure. */
import { netCommon, type netinst } from "@selvedge/eve-api";
import { type Family, familyOf } from "../network/address.ts";
import type { WayChoice, WayRemote } from "../network/way/way-spec.ts";
import { ConfigFault } from "./config-fault.ts";
import { isAddress } from "./subnet.ts";

const { ConnectivityProbeMethod: Method } = netCommon;

/** Whom EVE asks when it is not said: Google's name server. */
const usualHost = { ip: "8.8.8.8", ip6: "2001:4860:4860::8888" } as const;
const portMax = 65_535;

type Route = Pick<netinst.IPRoute, "probe" | "preferLowerCost" | "preferStrongerWwanSignal">;

/** Of a probe without a fault. */
export function wayChoice(route: Route, family: Family): WayChoice {
  const { probe, preferLowerCost, preferStrongerWwanSignal } = route;
  const { enableGwPing = false, gwPingMaxCost = 0 } = probe ?? {};
  const remote = remoteOf(probe, family);
  return {
    ...(enableGwPing ? { gatewayMaxCost: gwPingMaxCost } : {}),
    ...(remote === undefined ? {} : { remote }),
    ...(preferLowerCost ? { cheapest: true } : {}),
    ...(preferStrongerWwanSignal ? { strongest: true } : {}),
  };
}

function remoteOf(probe: Route["probe"], family: Family): WayRemote | undefined {
  const { probeMethod, probeEndpoint } = probe?.customProbe ?? {};
  const { host = "", port = 0 } = probeEndpoint ?? {};
  if (probeMethod === Method.TCP) return { method: "tcp", host, port };
  if (probeMethod !== Method.ICMP) return undefined;
  return { method: "icmp", host: host === "" ? usualHost[family] : host };
}

/** Throws what a probe says that nobody can do. */
export function refuseProbe({ probe }: Route, family: Family, field: string): void {
  if (probe?.customProbe === undefined) return;
  const { probeMethod, probeEndpoint } = probe.customProbe;
  const { host = "", port = 0 } = probeEndpoint ?? {};
  if (probeMethod === Method.UNSPECIFIED) return;
  const isTcp = probeMethod === Method.TCP;
  if (!isTcp && probeMethod !== Method.ICMP)
    throw new ConfigFault(`${field}.probe_method`, `${probeMethod} is neither ICMP (1) nor TCP (2)`);
  const endpoint = `${field}.probe_endpoint`;
  if (host === "" && isTcp) throw new ConfigFault(`${endpoint}.host`, "say whom to greet by TCP");
  if (isAddress(host) ? familyOf(host) !== family : !/^([A-Za-z0-9][A-Za-z0-9.-]{0,252})?$/.test(host))
    throw new ConfigFault(
      `${endpoint}.host`,
      `${JSON.stringify(host)} is nobody whom the network's family knows`,
    );
  if (isTcp && (port === 0 || port > portMax))
    throw new ConfigFault(`${endpoint}.port`, `${port} is not between 1 and ${portMax}`);
}
