/** What the node tells of networks and of the plugs of apps. Pure. */
import { create } from "@bufbuild/protobuf";
import { info, netinst } from "@selvedge/eve-api";
import type { AppSpec, NetworkId, NetworkSpec } from "../../desired.ts";
import { usualMtu } from "../../network/network-mtu.ts";
import type { NetworkStatus, NicStatus } from "../../observed.ts";
import { errorInfo, type Faulty, unreadError } from "./error-info.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";
import { hostOf } from "./plug-info.ts";

const { ZInfoTypes, ZNetworkInstanceState: State } = info;

/** A network is looked at whenever anything that it may wait for changes. */
const asSoon = "it goes on by itself as soon as what it waits for is there";

/** `nics` are all of the node's; `apps` know how the one that is a gateway is called. */
export function networkInfo(
  node: string,
  spec: NetworkSpec,
  status: NetworkStatus | undefined,
  nics: readonly NicStatus[],
  apps: readonly AppSpec[],
): InfoMessage {
  const plugs = nics.flatMap((nic) => (nic.phase === "ready" && nic.networkId === spec.id ? [nic] : []));
  const { ZnetInstSwitch, ZnetInstLocal } = netinst.ZNetworkInstType;
  const up = status?.phase === "ready" ? status : undefined;
  const { unread } = spec;
  const about: Faulty = ["NETWORK_INSTANCE", spec.id, spec.name];
  const fault = status?.phase === "waiting" && spec.inactive !== true ? status.reason : (up?.trouble ?? "");
  const value = create(info.ZInfoNetworkInstanceSchema, {
    networkID: spec.id,
    networkVersion: spec.version ?? "",
    displayname: spec.name,
    instType: spec.kind === "switch" ? ZnetInstSwitch : ZnetInstLocal,
    activated: up !== undefined,
    ports: [...(up?.ports ?? [])],
    // Of those who know one port of a network only.
    CurrentUplinkIntf:
      up?.ways?.find(({ destination }) => isEverything(destination))?.port || up?.ports[0] || "",
    bridgeNum: up === undefined ? 0 : up.index + 1,
    bridgeName: up?.bridge ?? "",
    bridgeIPAddr: spec.gateway,
    ipAssignments: plugs.flatMap((nic) =>
      hostOf(nic) === "" ? [] : [{ macAddress: nic.mac, ipAddress: [hostOf(nic)] }],
    ),
    vifs: plugs.map(({ tap, mac, appId }) => ({ vifName: tap, macAddress: mac, appID: appId })),
    state:
      fault !== "" || unread !== undefined
        ? State.ZNETINST_STATE_ERROR
        : up === undefined
          ? State.ZNETINST_STATE_INIT
          : State.ZNETINST_STATE_ONLINE,
    mtu: up === undefined ? (spec.mtu ?? usualMtu) : (up.mtu ?? usualMtu),
    ipRoutes: (up?.ways ?? spec.routes ?? []).map(({ destination, gateway, port }) => {
      const holder = plugs.find((nic) => hostOf(nic) === gateway)?.appId;
      const gatewayApp = apps.find(({ id }) => id === holder)?.id ?? "";
      return { destinationNetwork: destination, gateway, port, gatewayApp };
    }),
    networkErr: [
      ...(unread === undefined ? [] : [unreadError(unread, about)]),
      ...(fault === "" || fault === spec.fault ? [] : [errorInfo(fault, about, asSoon)]),
    ],
  });
  return infoMessage(node, ZInfoTypes.ZiNetworkInstance, { case: "niinfo", value });
}

function isEverything(destination: string): boolean {
  return destination.endsWith("/0");
}

export function networkGone(node: string, id: NetworkId): InfoMessage {
  const value = create(info.ZInfoNetworkInstanceSchema, { networkID: id });
  return infoMessage(node, ZInfoTypes.ZiNetworkInstance, { case: "niinfo", value });
}
