/** What goes through networks, plugs and ports, as counters. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { metrics, netinst } from "@selvedge/eve-api";
import type { AppId, DesiredState, NicSpec } from "../../desired.ts";
import { askEvery, remoteEvery } from "../../network/way/way-round.ts";
import type { WayStatus } from "../../network/way/way-status.ts";
import type { LinkCounters, NetworkStatus, NicStatus } from "../../observed.ts";

/** Counters of the node's own cards and of every plug, by Linux' name. Provided by the network's driver. */
export interface NetworkCounters {
  counters(): Promise<ReadonlyMap<string, LinkCounters>>;
}

/** How often an app asked for what its controller has for it. Provided by the metadata service. */
export interface PatchUsages {
  usage(app: AppId): readonly {
    readonly patch: { readonly id: string; readonly version: string };
    readonly asked: number;
    readonly downloaded: number;
  }[];
}

type WayMetrics = MessageInitShape<typeof metrics.ZProbeNIMetricsSchema>;
type NetworkMetric = MessageInitShape<typeof metrics.networkMetricSchema>;

function metricOf(name: string, localName: string, it: LinkCounters): NetworkMetric {
  return {
    ...{ iName: name, localName, rxBytes: it.rxBytes, txBytes: it.txBytes },
    ...{ rxPkts: it.rxPackets, txPkts: it.txPackets, rxDrops: it.rxDrops, txDrops: it.txDrops },
    ...{ rxErrors: it.rxErrors, txErrors: it.txErrors, rxAclDrops: it.rxDenied, txAclDrops: it.txDenied },
    ...{ rxAclRateLimitDrops: it.rxLimited, txAclRateLimitDrops: it.txLimited },
  };
}

/** Of one app, by the names its configuration has for its plugs. */
export function plugMetrics(
  nics: readonly NicSpec[],
  statusOf: (nic: string) => NicStatus | undefined,
  counters: ReadonlyMap<string, LinkCounters>,
): NetworkMetric[] {
  return nics.flatMap(({ name }) => {
    const status = statusOf(name);
    const found = status?.phase === "ready" ? counters.get(status.tap) : undefined;
    return status?.phase === "ready" && found !== undefined ? [metricOf(name, status.tap, found)] : [];
  });
}

/** Of the node's ports. */
export function portMetrics(
  { ports = [] }: Pick<DesiredState, "ports">,
  counters: ReadonlyMap<string, LinkCounters>,
): NetworkMetric[] {
  return ports.flatMap(({ name, interface: card }) => {
    const found = counters.get(card);
    return found === undefined ? [] : [{ ...metricOf(card, card, found), alias: name }];
  });
}

/** Of each network: the sum of its plugs, seen from the apps. */
export function networkMetrics(
  desired: Pick<DesiredState, "networks">,
  statuses: ReadonlyMap<string, NetworkStatus>,
  nics: readonly NicStatus[],
  counters: ReadonlyMap<string, LinkCounters>,
  ways: readonly WayStatus[],
): metrics.ZMetricNetworkInstance[] {
  const { ZnetInstSwitch, ZnetInstLocal } = netinst.ZNetworkInstType;
  return desired.networks.map(({ id, name, version = "", kind }) => {
    const status = statuses.get(id);
    const plugs = nics.flatMap((nic) => {
      const found = nic.phase === "ready" && nic.networkId === id ? counters.get(nic.tap) : undefined;
      return found === undefined ? [] : [found];
    });
    const sum = plugs.reduce(add, nothing);
    const up = status?.phase === "ready";
    return create(metrics.ZMetricNetworkInstanceSchema, {
      ...{ networkID: id, networkVersion: version, displayname: name, activated: up },
      instType: kind === "switch" ? ZnetInstSwitch : ZnetInstLocal,
      network: status?.phase === "ready" ? [metricOf(status.bridge, status.bridge, sum)] : [],
      probeMetrics: ways.filter(({ networkId }) => networkId === id).map(wayMetrics),
      networkStats: {
        rx: {
          totalBytes: sum.rxBytes,
          totalPackets: sum.rxPackets,
          drops: sum.rxDrops,
          errors: sum.rxErrors,
        },
        tx: {
          totalBytes: sum.txBytes,
          totalPackets: sum.txPackets,
          drops: sum.txDrops,
          errors: sum.txErrors,
        },
      },
    });
  });
}

/** Who was asked by way of which port, and how often in a row he answered or did not. */
function wayMetrics({ destination, port, remote, ports }: WayStatus): WayMetrics {
  return {
    ...{ dstNetwork: destination, currentPort: port, remoteEndpoint: remote, uplinkCnt: ports.length },
    currentIntf: ports.find(({ name }) => name === port)?.card ?? "",
    ...{ pingIntv: askEvery / 1000, remotePingIntv: remoteEvery / 1000 },
    intfMetric: ports.map(({ card, gateways, gateway, remote }) => ({
      ...{ intfName: card, gatewayNexhtop: gateways.join(", ") },
      ...{ gatewayUP: gateway?.up ?? false, remoteHostUP: remote?.up ?? false },
      ...{ nexthopUpCount: gateway?.answered ?? 0, nexthopDownCount: gateway?.silent ?? 0 },
      ...{ remoteUpCount: remote?.answered ?? 0, remoteDownCount: remote?.silent ?? 0 },
      remoteProbeLatency: Math.round(remote?.latencyMs ?? 0),
    })),
  };
}

const nothing: LinkCounters = {
  ...{ rxBytes: 0n, txBytes: 0n, rxPackets: 0n, txPackets: 0n, rxDrops: 0n, txDrops: 0n },
  ...{ rxErrors: 0n, txErrors: 0n, rxDenied: 0n, txDenied: 0n, rxLimited: 0n, txLimited: 0n },
};

function add(left: LinkCounters, right: LinkCounters): LinkCounters {
  const keys = Object.keys(nothing) as (keyof LinkCounters)[];
  return Object.fromEntries(keys.map((key) => [key, left[key] + right[key]])) as unknown as LinkCounters;
}
