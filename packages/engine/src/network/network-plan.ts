import { switchIn } from "../control/settings/config-items.ts";
import type { AppId, AppSpec, DesiredState, NetworkId, NetworkSpec, NicSpec } from "../desired.ts";
import type { NetworkStatus, NicStatus } from "../observed.ts";
import { familyOf, parsePrefix } from "./address.ts";
import { aliasNames } from "./alias-names.ts";
import { answerWays } from "./answer-plan.ts";
import { apiRoutes } from "./api-route.ts";
import { carriedPort, spokenPorts } from "./carried-port.ts";
import { connectedNetworks } from "./connected-networks.ts";
import { askedAddresses, inSubnet, type Lease, type Leases, plugKey, uidOf } from "./lease.ts";
import { stableMac } from "./mac.ts";
import type { NetworkItems, NodeCard } from "./network-driver.ts";
import { faultOf } from "./network-faults.ts";
import { mtuOf, usualMtu } from "./network-mtu.ts";
import type { Plug } from "./plug.ts";
import { type ChosenWays, policyRoutes, takenWays } from "./policy-plan.ts";
import { claimPorts } from "./port-claims.ts";
import { interfacesOf } from "./port-labels.ts";
import { renderResolver, waysOf } from "./resolver-config.ts";
import { type RulesetNetwork, renderRuleset } from "./ruleset.ts";
import { serviceTable } from "./services.ts";
import { planSwitch } from "./switch-plan.ts";

export interface NetworkInputs {
  readonly desired: DesiredState;
  readonly leases: Leases;
  /** Starts every name we give, so that engines can share a namespace. */
  readonly prefix: string;
  readonly cards?: ReadonlyMap<string, NodeCard>;
  /** Addresses that each card of the node has now. */
  readonly addresses?: ReadonlyMap<string, readonly string[]>;
  /** Addresses that plugs of switches were seen with. */
  readonly seen?: ReadonlyMap<string, readonly string[]>;
  /** Apps that take requests. */
  readonly ready?: ReadonlySet<AppId>;
  /** The port to take where several could be, and its gateway, by way. */
  readonly ways?: ChosenWays;
  /** The node looks after its ports itself. */
  readonly managed?: boolean;
}

export interface NetworkPlan {
  readonly items: NetworkItems;
  readonly networks: ReadonlyMap<NetworkId, NetworkStatus>;
  readonly nics: ReadonlyMap<string, NicStatus>;
}

/** A network that the kernel is to have. */
interface Usable extends NetworkSpec {
  readonly index: number;
  readonly bridge: string;
  /** Cards that lead outside; undefined: every one. */
  readonly interfaces: readonly string[] | undefined;
  /** The card that the node speaks by as well. */
  readonly carries: string | undefined;
  readonly mtu: number;
  /** Networks of its ports that its apps are told of. */
  readonly connected: readonly string[];
}

/** Decides what the kernel should hold, and what to say of each network and plug once it does. Pure. */
export function planNetwork(inputs: NetworkInputs): NetworkPlan {
  const { desired, leases, prefix } = inputs;
  const { usable, networks } = usableNetworks(inputs);
  const kept = leases.leases.filter(({ networkId }) => usable.has(networkId));
  const bridges = new Map([...usable.values()].map(({ carries = "", bridge }) => [carries, bridge]));
  const spoken = spokenPorts(desired.ports ?? [], bridges);
  const labels = (label: string): readonly string[] | undefined => interfacesOf(spoken, label);
  const nodePorts = {
    interfacesOf: labels,
    addressesOf: (card: string): readonly string[] => inputs.addresses?.get(card) ?? [],
  };
  const claims = claimPorts(desired, kept, nodePorts);
  const switches = switchItems(inputs, kept, [...usable.values()], labels);
  const aware = new Set(switches.flatMap((it) => (it.aware ? [it.bridge] : [])));
  const plugged = [...usable.values()].map(
    (network): RulesetNetwork => ({
      ...{ bridge: network.bridge, kind: network.kind, subnet: network.subnet, gateway: network.gateway },
      mac: bridgeMac(desired.nodeId, network.bridge),
      ...{ interfaces: network.interfaces, hosts: network.hosts, flowLog: network.flowLog ?? false },
      ...{ shared: network.carries !== undefined, vlans: aware.has(network.bridge) },
      plugs: kept
        .filter(({ networkId }) => networkId === network.id)
        .map((lease) => plugOf(prefix, lease, network, desired)),
    }),
  );
  const families = new Set(claims.ports.map(({ address }) => familyOf(address)));
  const answers = answerWays(spoken, inputs.addresses ?? new Map(), families);
  const aliases = [...aliasNames(desired.services ?? []).keys()];
  const services = serviceTable(desired.services ?? [], kept, inputs.ready ?? new Set());
  const items: NetworkItems = {
    bridges: [...usable.values()].map((network) => bridgeOf(desired.nodeId, network)),
    taps: kept.flatMap((lease) => {
      const network = usable.get(lease.networkId);
      if (network === undefined) return [];
      const { bridge, kind, mtu } = network;
      return [
        {
          name: tapName(prefix, lease),
          bridge,
          uid: uidOf(lease),
          isolated: kind === "local",
          mtu,
        },
      ];
    }),
    switches,
    resolvers: [...usable.values()]
      .filter(({ kind }) => kind === "local")
      .map((network) => ({
        ...{ bridge: network.bridge, notes: network.flowLog ?? false },
        config: renderResolver({
          ...{ network, bridge: network.bridge, prefix, apps: desired.apps, names: services.names },
          ...{ connected: network.connected, aliases, ports: services.ports },
          leases: kept.filter(({ networkId }) => networkId === network.id),
        }),
      })),
    routes: [...usable.values()].flatMap((network) =>
      policyRoutes(network, [...usable.values()], spoken, inputs.ways),
    ),
    answers,
    ruleset: renderRuleset({
      ...{ prefix, networks: plugged, ports: claims.ports, services: services.routes },
      ...{ api: apiRoutes(desired.services ?? []), answers },
      clampsTcp: switchIn(desired.settings, "app.enable.tcp.mss.clamping"),
      snoopsArp: snoopsArp(desired),
      interfacesOf: labels,
    }),
  };
  return { items, networks, nics: nicStatuses(inputs, kept, usable, networks, claims.conflicts) };
}

/** On a switch the node gives no addresses and hears of them only when it listens. */
export function snoopsArp({ settings }: DesiredState): boolean {
  return switchIn(settings, "network.switch.enable.arpsnoop");
}

function usableNetworks({
  desired,
  leases,
  prefix,
  managed = false,
  ways,
  cards = new Map(),
}: NetworkInputs): {
  readonly usable: ReadonlyMap<NetworkId, Usable>;
  readonly networks: ReadonlyMap<NetworkId, NetworkStatus>;
} {
  const networks = new Map<NetworkId, NetworkStatus>();
  const usable = new Map<NetworkId, Usable>();
  const all = desired.ports ?? [];
  const add = (network: NetworkSpec): Usable => {
    const index = leases.networks[network.id] ?? 0;
    const interfaces =
      network.port === undefined ? undefined : interfacesOf(desired.ports ?? [], network.port);
    const carries = managed ? carriedPort(network, desired.ports ?? [])?.interface : undefined;
    // The rules for packets know by its name that what comes by it is no app's.
    const bridge = `${prefix}${carries === undefined ? "b" : "u"}${index}`;
    const { mtu } = mtuOf(network, all, cards);
    const item = { ...network, index, bridge, interfaces, carries, mtu, connected: [] };
    usable.set(network.id, item);
    return item;
  };
  for (const network of desired.networks) {
    const fault = faultOf(network, desired.ports ?? [], [...usable.values()], managed);
    if (fault !== undefined) {
      networks.set(network.id, { phase: "waiting", reason: fault });
      continue;
    }
    const { index, bridge, interfaces = [], carries, mtu } = add(network);
    const { trouble } = mtuOf(network, all, cards);
    const taken = takenWays(network, all, ways);
    networks.set(network.id, {
      ...{ phase: "ready", bridge, index, ports: portNames(desired, interfaces) },
      ...(carries === undefined ? {} : { carries }),
      ...(taken.length === 0 ? {} : { ways: taken }),
      ...(mtu === usualMtu ? {} : { mtu }),
      ...(trouble === undefined ? {} : { trouble }),
    });
  }
  // Of those that are wanted no more nothing is told; their machines have a right to their grace.
  for (const network of leases.plugged) if (!networks.has(network.id)) add(network);
  const bridges = new Map([...usable.values()].map(({ carries = "", bridge }) => [carries, bridge]));
  for (const [id, item] of usable)
    if (item.kind === "local") {
      const interfaces = item.interfaces?.map((card) => bridges.get(card) ?? card);
      const connected = connectedNetworks(item, spokenPorts(all, bridges), cards);
      usable.set(id, { ...item, interfaces, connected });
    }
  return { usable, networks };
}

function portNames({ ports = [] }: DesiredState, interfaces: readonly string[]): string[] {
  return interfaces.flatMap((card) => ports.find((port) => port.interface === card)?.name ?? []);
}

function bridgeOf(nodeId: string, network: Usable): NetworkItems["bridges"][number] {
  const { bridge, kind, gateway, subnet, mtu, interfaces = [], carries } = network;
  return {
    name: bridge,
    mac: bridgeMac(nodeId, bridge),
    address: kind === "local" ? `${gateway}/${parsePrefix(subnet).bits}` : undefined,
    mtu,
    members: kind === "switch" ? interfaces : [],
    ...(carries === undefined ? {} : { carries }),
  };
}

function switchItems(
  { desired, prefix }: NetworkInputs,
  kept: readonly Lease[],
  all: readonly Usable[],
  interfacesOf: (label: string) => readonly string[] | undefined,
): NetworkItems["switches"] {
  return all
    .filter(({ kind }) => kind === "switch")
    .map((network) => {
      const { bridge, id, interfaces: cards = [] } = network;
      const taps = kept
        .filter(({ networkId }) => networkId === id)
        .map((lease) => ({ name: tapName(prefix, lease), accessVlan: nicOf(lease, desired)?.accessVlan }));
      return planSwitch({ bridge, network, cards, taps, interfacesOf });
    });
}

function nicOf({ appId, nic }: Lease, { apps }: DesiredState): NicSpec | undefined {
  return apps.find(({ id }) => id === appId)?.nics.find(({ name }) => name === nic);
}

function bridgeMac(nodeId: string, bridge: string): string {
  return stableMac(`bridge ${nodeId} ${bridge}`);
}

function plugOf(prefix: string, lease: Lease, network: Usable, desired: DesiredState): Plug {
  const nic = nicOf(lease, desired);
  const { unread } = desired.apps.find(({ id }) => id === lease.appId) ?? {};
  const behind = (network.routes ?? [])
    .filter(({ gateway }) => gateway !== "" && gateway === lease.address)
    .map(({ destination }) => destination);
  return {
    ...{
      tap: tapName(prefix, lease),
      bridge: network.bridge,
      mac: lease.mac,
      address: lease.address,
      behind,
    },
    // A machine that nobody wants any more says its farewells as it could speak before; of one whose entry cannot
    // be read nobody knows whom it may speak to.
    rules: nic?.rules ?? (unread === undefined ? farewell : []),
  };
}

const farewell: NicSpec["rules"] = [
  { id: 0, name: "", direction: "out", remotes: [], action: { kind: "allow" } },
];

function nicStatuses(
  { desired, leases, prefix, seen }: NetworkInputs,
  kept: readonly Lease[],
  usable: ReadonlyMap<NetworkId, Usable>,
  networks: ReadonlyMap<NetworkId, NetworkStatus>,
  conflicts: ReadonlyMap<AppSpec["id"], string>,
): Map<string, NicStatus> {
  const nics = new Map<string, NicStatus>();
  for (const app of desired.apps)
    for (const nic of app.nics) {
      const lease = kept.find(({ appId, nic: name }) => appId === app.id && name === nic.name);
      const network = usable.get(nic.networkId);
      const reason =
        conflicts.get(app.id) ??
        networkReason(nic, networks.get(nic.networkId)) ??
        (network && ruleReason(nic, network, desired)) ??
        (lease === undefined && network ? addressReason(app, nic, network, desired, leases) : undefined);
      if (network === undefined || lease === undefined || reason !== undefined)
        nics.set(plugKey(app.id, nic.name), {
          phase: "waiting",
          reason: reason ?? "the network is not ready",
        });
      else nics.set(plugKey(app.id, nic.name), readyNic(prefix, lease, network, app, seen));
    }
  return nics;
}

function readyNic(
  prefix: string,
  lease: Lease,
  network: Usable,
  { pod }: AppSpec,
  seen: NetworkInputs["seen"],
): NicStatus {
  const local = network.kind === "local";
  return {
    phase: "ready",
    appId: lease.appId,
    networkId: lease.networkId,
    tap: tapName(prefix, lease),
    uid: uidOf(lease),
    mac: lease.mac,
    address: local
      ? `${lease.address}/${hostBits(network)}`
      : (seen?.get(tapName(prefix, lease))?.at(-1) ?? ""),
    gateway: network.gateway,
    dns: local ? [network.gateway] : [],
    searchDomains: [
      ...(local ? (pod?.searchDomains ?? []) : []),
      ...(network.domain === undefined ? [] : [network.domain]),
    ],
    ...(network.mtu === usualMtu ? {} : { mtu: network.mtu }),
    ...(local ? waysOf(network, network.connected) : { asks: true }),
  };
}

/** Of IPv6 an app has an address and no neighbours: all that it says goes by the node. */
function hostBits({ subnet }: NetworkSpec): number {
  const { family, bits } = parsePrefix(subnet);
  return family === "ip6" ? 128 : bits;
}

function networkReason({ networkId }: NicSpec, status: NetworkStatus | undefined): string | undefined {
  if (status === undefined) return `network ${networkId} is not in the configuration`;
  return status.phase === "waiting" ? status.reason : undefined;
}

/** What a network of its kind cannot do for the plug. */
function ruleReason(nic: NicSpec, network: Usable, { ports = [] }: DesiredState): string | undefined {
  for (const { id, remotes, action, adapter } of nic.rules) {
    const rule = `access rule ${id} of ${nic.name}`;
    if (adapter !== undefined && interfacesOf(ports, adapter)?.length === 0)
      return `${rule} is for port ${adapter}, which the node does not have`;
    if (network.kind === "local") continue;
    if (action.kind === "map") return `${rule} maps a port; on a switch the app has its own address`;
    if (remotes.some(({ kind }) => kind !== "subnet"))
      return `${rule} names hosts; a switch has no DNS that would know them, write addresses`;
  }
  return undefined;
}

function addressReason(
  app: AppSpec,
  nic: NicSpec,
  network: Usable,
  desired: DesiredState,
  leases: Leases,
): string {
  if (nic.address === undefined) return `network ${network.id} has no free address`;
  if (network.kind === "local" && !inSubnet(network, nic.address))
    return `${nic.address} is not a host of ${network.subnet}, the subnet of network ${network.name}`;
  const first = askedAddresses(desired).get(`${network.id} ${nic.address}`)?.split("/")[0];
  const holder = leases.leases.find((it) => it.networkId === network.id && it.address === nic.address)?.appId;
  const other = holder ?? (first === app.id ? undefined : first);
  const name = desired.apps.find(({ id }) => id === other)?.displayName ?? "another app";
  return `${nic.address} in network ${network.name} is used by ${name}`;
}

/** At most 15 characters, which is what Linux takes. */
function tapName(prefix: string, { index, slot }: Lease): string {
  return `${prefix}t${index}n${slot}`;
}
