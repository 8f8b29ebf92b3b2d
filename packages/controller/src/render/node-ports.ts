/** A box's own ports: what EVE must be told before it may use one. */
import { create, toBinary } from "@bufbuild/protobuf";
import { cipher, type config, devmodel, devmodelCommon, netCommon, netconfig } from "@selvedge/eve-api";
import type { EdgeNode, EdgeNodeCellular, EdgeNodePort, Secret } from "@selvedge/kinds";
import { bondsOf, devicesOf, partsOfLinks, vlansOf } from "./node-links.ts";
import { authenticationsOf, scepProfilesOf } from "./node-scep.ts";
import type { NodeFault, NodeSecrets } from "./node-secrets.ts";
import { stableId } from "./stable-id.ts";

export interface RenderedPorts {
  readonly deviceIoList: devmodel.PhysicalIO[];
  readonly vlans: devmodel.VlanAdapter[];
  readonly bonds: devmodel.BondAdapter[];
  readonly pnacs: netconfig.PNAC[];
  readonly scepProfiles: config.EdgeDevConfig["scepProfiles"];
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
export function renderPorts(
  edgeNode: EdgeNode,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
  previous: config.EdgeDevConfig | undefined,
): RenderedPorts {
  const ports = edgeNode.spec.ports ?? usual;
  const cards = ports.filter(({ vlan, bond }) => vlan === undefined && bond === undefined);
  return {
    deviceIoList: [...cards.map(cardOf), ...partsOfLinks(ports), ...devicesOf(edgeNode)],
    ...{ vlans: vlansOf(ports), bonds: bondsOf(ports), pnacs: authenticationsOf(ports) },
    scepProfiles: scepProfilesOf(edgeNode, sealed, previous),
    networks: ports.map((port) => networkOf(port, sealed, previous)),
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
  const { PhyIoNetEth, PhyIoNetWLAN, PhyIoNetWWAN } = PhyIoType;
  const wireless = port.cellular === undefined ? PhyIoNetWLAN : PhyIoNetWWAN;
  return create(devmodel.PhysicalIOSchema, {
    ptype: port.wifi === undefined && port.cellular === undefined ? PhyIoNetEth : wireless,
    ...{ phylabel: name, logicallabel: name, assigngrp: name, phyaddrs: { ifname } },
    usage: isUplink(port) ? Usage.PhyIoUsageMgmtAndApps : Usage.PhyIoUsageShared,
  });
}

function networkOf(
  port: EdgeNodePort,
  sealed: ReadonlyMap<string, cipher.CipherBlock>,
  previous: config.EdgeDevConfig | undefined,
): netconfig.NetworkConfig {
  const { address, gateway = "", dns = [] } = port;
  const id = networkIdOf(port);
  const before = previous?.networks.find((network) => network.id === id)?.wireless;
  const wireless = wirelessOf(port, sealed.get(portSecretName(port)), before);
  const { DHCPType: Dhcp, NetworkType: Network } = netCommon;
  return create(netconfig.NetworkConfigSchema, {
    id,
    type: Network.V4,
    ...(wireless && { wireless }),
    ip:
      address === undefined
        ? { dhcp: Dhcp.Client }
        : { dhcp: Dhcp.Static, subnet: subnetOf(address), gateway, dns: [...dns] },
  });
}

const { WirelessType: Wireless, WiFiKeyScheme: Scheme, CellularAuthProtocol: Auth } = netCommon;
const protocols = { PAP: Auth.PAP, CHAP: Auth.CHAP, "PAP-CHAP": Auth.PAP_AND_CHAP } as const;

/**
 * Credentials are in the block alone: a box that cannot open it would take what is said in clear. Without a
 * block the one before stays, as a box that loses its uplink cannot be told better.
 */
function wirelessOf(
  { wifi, cellular }: EdgeNodePort,
  block: cipher.CipherBlock | undefined,
  before: netconfig.WirelessConfig | undefined,
): netconfig.WirelessConfig | undefined {
  if (wifi !== undefined) {
    const cipherData = block ?? before?.wifiCfg[0]?.cipherData;
    const keyScheme = wifi.security === "WPA-EAP" ? Scheme.WPAEAP : Scheme.WPAPSK;
    return create(netconfig.WirelessConfigSchema, {
      type: Wireless.WiFi,
      wifiCfg: [{ wifiSSID: wifi.ssid, keyScheme, ...(cipherData && { cipherData }) }],
    });
  }
  if (cellular === undefined) return undefined;
  const { apn, simSlot = 0, authentication, secretRef, probe } = cellular;
  const kept = block ?? before?.cellularCfg[0]?.accessPoints[0]?.cipherData;
  const cipherData = secretRef === undefined ? undefined : kept;
  const authProtocol = authentication === undefined ? Auth.NONE : protocols[authentication];
  return create(netconfig.WirelessConfigSchema, {
    type: Wireless.Cellular,
    cellularCfg: [
      {
        accessPoints: [{ simSlot, apn, authProtocol, ...(cipherData && { cipherData }) }],
        activatedSimSlot: simSlot,
        ...(probe && { probe: probeOf(probe) }),
      },
    ],
  });
}

function probeOf({
  disabled: disable = false,
  address: host = "",
  port = 0,
}: NonNullable<EdgeNodeCellular["probe"]>): netconfig.CellularConnectivityProbe {
  const { ICMP, TCP } = netCommon.ConnectivityProbeMethod;
  const customProbe = { probeMethod: port === 0 ? ICMP : TCP, probeEndpoint: { host, port } };
  return create(netconfig.CellularConnectivityProbeSchema, {
    disable,
    ...(host !== "" && { customProbe }),
  });
}

/** What of a node's ports is to be encrypted, by name, and what cannot be. */
export function portSecrets(
  { spec }: EdgeNode,
  secret: (namespace: string, name: string) => Secret | undefined,
): NodeSecrets {
  const sealings = new Map<string, Uint8Array>();
  const faults: NodeFault[] = [];
  for (const port of spec.ports ?? []) {
    const ref = port.wifi?.secretRef ?? port.cellular?.secretRef;
    if (ref === undefined) continue;
    const data = secret(ref.namespace, ref.name)?.data;
    const [user, password] = ["username", "password"].map((key) =>
      Buffer.from(data?.[key] ?? "", "base64").toString("utf8"),
    );
    const [part, what] = [`port ${port.name}`, `secret ${ref.namespace}/${ref.name}`];
    if (data === undefined) faults.push({ part, message: `${what} not found` });
    else if (!password) faults.push({ part, message: `${what} has no password` });
    else {
      const block = create(
        cipher.EncryptionBlockSchema,
        port.wifi === undefined
          ? { cellularNetUsername: user ?? "", cellularNetPassword: password }
          : { wifiUserName: user ?? "", wifiPassword: password },
      );
      sealings.set(portSecretName(port), toBinary(cipher.EncryptionBlockSchema, block));
    }
  }
  return { sealings, faults };
}

export function portSecretName({ name }: EdgeNodePort): string {
  return `port/${name}`;
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
