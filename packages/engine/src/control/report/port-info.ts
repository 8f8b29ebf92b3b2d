/** How the node's ports are, and which configurations of them were tried, as ZInfoDevice has it. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { devmodelCommon, info, netCommon } from "@selvedge/eve-api";
import type { PortSpec } from "../../desired.ts";
import type { PortsStatus } from "../../observed.ts";
import type { PortConfig } from "../../port/port-book.ts";
import type { CardState } from "../../port/port-driver.ts";
import { bondInfo } from "./bond-info.ts";
import { cellularStatus } from "./cellular-info.ts";
import { authenticationInfo } from "./certificate-info.ts";
import { errorInfo } from "./error-info.ts";

type AdapterInfo = NonNullable<MessageInitShape<typeof info.ZInfoDeviceSchema>["systemAdapter"]>;
type PortInfo = NonNullable<
  NonNullable<MessageInitShape<typeof info.DevicePortStatusSchema>["ports"]>[number]
>;

/** Nothing on a node whose controller says nothing of ports. */
export function portsPart(status: PortsStatus | undefined): { readonly systemAdapter?: AdapterInfo } {
  if (status === undefined) return {};
  const { book, cards, failed } = status;
  return {
    systemAdapter: {
      currentIndex: book.current,
      status: book.configs.map((config, at) => {
        const live = at === book.current ? cards : {};
        return configInfo(config, live, at === book.current ? failed : []);
      }),
    },
  };
}

/** Who said how the ports are to be, as EVE calls them. */
export interface PortSource {
  readonly key: string;
  readonly origin: netCommon.NetworkConfigOrigin;
}

const { CONTROLLER, BOOTSTRAP, LASTRESORT } = netCommon.NetworkConfigOrigin;

export function sourceOf(config: Pick<PortConfig, "bootstrap" | "lastResort"> | undefined): PortSource {
  if (config?.lastResort) return { key: "lastresort", origin: LASTRESORT };
  if (config?.bootstrap) return { key: "bootstrap", origin: BOOTSTRAP };
  return { key: "zedagent", origin: CONTROLLER };
}

/** The form of the list that EVE reports since it tells errors of each port. */
const listVersion = 1;

function configInfo(
  config: PortConfig,
  cards: Readonly<Record<string, CardState>>,
  failed: readonly string[],
): NonNullable<AdapterInfo["status"]>[number] {
  const { since, lastFailed, lastSucceeded, lastError } = config;
  const { key, origin } = sourceOf(config);
  return {
    ...{ version: listVersion, key, timePriority: timestampFromMs(since), lastError },
    ...(lastFailed === undefined ? {} : { lastFailed: timestampFromMs(lastFailed) }),
    ...(lastSucceeded === undefined ? {} : { lastSucceeded: timestampFromMs(lastSucceeded) }),
    ports: config.ports.map((port) =>
      portInfo(port, {
        cards,
        since,
        origin,
        failed: failed.includes(port.name),
        error: config.errors?.[port.name],
      }),
    ),
  };
}

interface PortFacts {
  readonly cards: Readonly<Record<string, CardState>>;
  /** Of its configuration. */
  readonly since: number;
  readonly origin: netCommon.NetworkConfigOrigin;
  readonly failed: boolean;
  readonly error: string | undefined;
}

function portInfo(port: PortSpec, { cards, since, origin, failed, error }: PortFacts): PortInfo {
  const card = cards[port.interface];
  const bond = port.links?.find((link) => link.kind === "bond");
  const { PhyIoUsageMgmtAndApps, PhyIoUsageShared } = devmodelCommon.PhyIoMemberUsage;
  const { Static, DHCPNone, Client } = netCommon.DHCPType;
  const { address = { kind: "dhcp" } } = port;
  const fixed = address.kind === "static" ? address : undefined;
  const why = port.fault ?? error ?? (failed ? "the controller does not answer by it" : missing(port, card));
  const pnacStatus = authenticationInfo(port, card);
  const [ntpServer = "", ...moreNtpServers] = fixed?.ntp ?? [];
  return {
    ...{ ifname: port.interface, name: port.name, isMgmt: port.uplink, cost: port.cost },
    networkUUID: port.networkId ?? "",
    usage: port.uplink ? PhyIoUsageMgmtAndApps : PhyIoUsageShared,
    dhcpType: { static: Static, dhcp: Client, none: DHCPNone }[address.kind],
    subnet: fixed?.address ?? card?.addresses[0] ?? "",
    ...{ ntpServer, moreNtpServers },
    ...(port.proxy === undefined ? {} : { proxy: proxyInfo(port.proxy) }),
    macAddr: card?.mac ?? "",
    IPAddrs: (card?.addresses ?? []).map((it) => it.replace(/\/.*/, "")),
    defaultRouters: [...(card?.gateways ?? [])],
    dns: { DNSservers: [...(card?.dns ?? fixed?.dns ?? [])], DNSdomain: fixed?.domain ?? "" },
    up: card?.up ?? false,
    mtu: card?.mtu ?? port.mtu ?? 0,
    ...wirelessPart(port, card, why),
    ...(pnacStatus === undefined ? {} : { pnacStatus }),
    ...(bond === undefined ? {} : { bondStatus: bondInfo(bond, cards[bond.name]?.bond) }),
    ...(why === undefined
      ? {}
      : { err: errorInfo(why, ["SYSTEM_ADAPTER", port.interface, port.name], tested) }),
    configSource: { origin, submittedAt: timestampFromMs(since) },
  };
}

/** As long as it is configured. */
const tested = "it is tested again by itself, and at once when something of its card changes";

function wirelessPart(
  port: PortSpec,
  card: CardState | undefined,
  problem: string | undefined,
): { readonly wirelessStatus?: NonNullable<PortInfo["wirelessStatus"]> } {
  const { WIFI, CELLULAR } = info.WirelessType;
  if (port.wifi !== undefined) return { wirelessStatus: { type: WIFI } };
  if (port.cellular === undefined) return {};
  return { wirelessStatus: { type: CELLULAR, cellular: cellularStatus(port.cellular, card, problem) } };
}

/** Of a configuration that is not in force nothing is known of the cards. */
function missing({ interface: name }: PortSpec, card: CardState | undefined): string | undefined {
  if (card === undefined) return undefined;
  return card.fault ?? (card.up ? undefined : `${name} has no carrier`);
}

function proxyInfo({ server, exceptions }: NonNullable<PortSpec["proxy"]>): NonNullable<PortInfo["proxy"]> {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(server ?? "") ?? [];
  return {
    proxies:
      server === undefined
        ? []
        : [{ type: netCommon.proxyProto.PROXY_HTTPS, server: host, port: Number(port) }],
    exceptions: exceptions.join(","),
  };
}
