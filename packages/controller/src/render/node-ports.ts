/** A box's own ports: what EVE must be told before it may use one. */
import { create } from "@bufbuild/protobuf";
import { devmodel, devmodelCommon, netCommon, netconfig } from "@selvedge/eve-api";
import type { EdgeNode, EdgeNodePort } from "@selvedge/kinds";
import { stableId } from "./stable-id.ts";

export interface RenderedPorts {
  readonly deviceIoList: devmodel.PhysicalIO[];
  readonly networks: netconfig.NetworkConfig[];
  readonly systemAdapterList: devmodel.SystemAdapter[];
}

/** What nearly every box has; EVE names the first network card so. */
const usual: readonly EdgeNodePort[] = [{ name: "eth0" }];

const { PhyIoType, PhyIoMemberUsage: Usage } = devmodelCommon;

/**
 * Three lists that name each other: the card, the network it is in, and the adapter that puts the one on
 * the other. Every adapter has a network, and one at least is an uplink: without, EVE makes all of them so.
 */
export function renderPorts({ spec }: EdgeNode): RenderedPorts {
  const ports = spec.ports ?? usual;
  return {
    deviceIoList: ports.map(cardOf),
    networks: ports.map(networkOf),
    systemAdapterList: ports.map((port) =>
      create(devmodel.SystemAdapterSchema, {
        ...{ name: port.name, lowerLayerName: port.name, networkUUID: networkIdOf(port) },
        ...{ uplink: isUplink(port), cost: port.cost ?? 0, addr: port.address?.split("/")[0] ?? "" },
      }),
    ),
  };
}

function cardOf(port: EdgeNodePort): devmodel.PhysicalIO {
  const { name, interface: ifname = name } = port;
  return create(devmodel.PhysicalIOSchema, {
    ptype: PhyIoType.PhyIoNetEth,
    ...{ phylabel: name, logicallabel: name, assigngrp: name, phyaddrs: { ifname } },
    usage: isUplink(port) ? Usage.PhyIoUsageMgmtAndApps : Usage.PhyIoUsageShared,
  });
}

function networkOf(port: EdgeNodePort): netconfig.NetworkConfig {
  const { address, gateway = "", dns = [] } = port;
  const { DHCPType: Dhcp, NetworkType: Network } = netCommon;
  return create(netconfig.NetworkConfigSchema, {
    id: networkIdOf(port),
    type: Network.V4,
    ip:
      address === undefined
        ? { dhcp: Dhcp.Client }
        : { dhcp: Dhcp.Static, subnet: subnetOf(address), gateway, dns: [...dns] },
  });
}

function networkIdOf({ name }: EdgeNodePort): string {
  return stableId(`port-network/${name}`);
}

function isUplink({ uplink = true }: EdgeNodePort): boolean {
  return uplink;
}

/** `192.0.2.0/24` from `192.0.2.7/24`; validation has seen that it is one. */
function subnetOf(address: string): string {
  const [host = "", length = "32"] = address.split("/");
  const bits = host.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const first = Math.floor(bits / size) * size;
  const parts = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${parts.join(".")}/${length}`;
}
