import type { AppId, DesiredState, NetworkId, NetworkSpec } from "../desired.ts";
import type { NetworkStatus, NicStatus } from "../observed.ts";
import { InvalidAddressError, parseIpv4, prefixOf } from "./ipv4.ts";
import { type Lease, type Leases, stableMac, uidOf } from "./lease.ts";
import type { NetworkItems } from "./network-driver.ts";
import { renderResolver } from "./resolver-config.ts";
import { type PortRule, renderRuleset } from "./ruleset.ts";

export interface NetworkInputs {
  readonly desired: DesiredState;
  readonly leases: Leases;
  /** Starts every name we give, so that engines can share a namespace. */
  readonly prefix: string;
}

export interface NetworkPlan {
  readonly items: NetworkItems;
  readonly networks: ReadonlyMap<NetworkId, NetworkStatus>;
  readonly nics: ReadonlyMap<string, NicStatus>;
}

/** Decides what the kernel should hold, and what to say of each network and plug once it does. Pure. */
export function planNetwork({ desired, leases, prefix }: NetworkInputs): NetworkPlan {
  const networks = new Map<NetworkId, NetworkStatus>();
  const usable = new Map<NetworkId, NetworkSpec & { readonly bridge: string }>();
  for (const network of desired.networks) {
    const fault = faultOf(network);
    const bridge = bridgeName(prefix, leases, network);
    if (fault !== undefined) networks.set(network.id, { phase: "waiting", reason: fault });
    else {
      usable.set(network.id, { ...network, bridge });
      networks.set(network.id, { phase: "ready", bridge });
    }
  }
  // Of those that are wanted no more nothing is told; their machines have a right to their grace.
  for (const network of leases.plugged)
    if (!networks.has(network.id))
      usable.set(network.id, { ...network, bridge: bridgeName(prefix, leases, network) });
  const kept = leases.leases.filter(({ networkId }) => usable.has(networkId));
  const { ports, conflicts } = planPorts(desired, kept);
  const bridges = [...usable.values()].map(({ bridge, gateway, subnet }) => ({
    name: bridge,
    mac: stableMac(`bridge ${desired.nodeId} ${bridge}`),
    address: `${gateway}/${prefixOf(subnet)}`,
  }));
  const taps = kept.map((lease) => ({
    name: tapName(prefix, lease),
    bridge: usable.get(lease.networkId)?.bridge ?? "",
    uid: uidOf(lease),
  }));
  const resolvers = [...usable.values()].map((network) => ({
    bridge: network.bridge,
    config: renderResolver({
      network,
      bridge: network.bridge,
      leases: kept.filter(({ networkId }) => networkId === network.id),
    }),
  }));
  const ruleset = renderRuleset({
    prefix,
    networks: [...usable.values()],
    plugs: kept.map((lease) => ({ tap: tapName(prefix, lease), mac: lease.mac, address: lease.address })),
    ports,
  });
  const nics = new Map<string, NicStatus>();
  for (const app of desired.apps)
    for (const nic of app.nics) {
      const key = `${app.id}/${nic.name}`;
      const lease = kept.find(({ appId, nic: name }) => appId === app.id && name === nic.name);
      const network = usable.get(nic.networkId);
      const reason =
        conflicts.get(app.id) ??
        waitingReason(nic.networkId, networks.get(nic.networkId), lease !== undefined);
      if (network === undefined || lease === undefined || reason !== undefined)
        nics.set(key, { phase: "waiting", reason: reason ?? "the network is not ready" });
      else nics.set(key, readyNic(prefix, lease, network));
    }
  return { items: { bridges, taps, resolvers, ruleset }, networks, nics };
}

function bridgeName(prefix: string, { networks }: Leases, { id }: NetworkSpec): string {
  return `${prefix}b${networks[id] ?? 0}`;
}

function readyNic(prefix: string, lease: Lease, network: NetworkSpec): NicStatus {
  return {
    phase: "ready",
    appId: lease.appId,
    networkId: lease.networkId,
    tap: tapName(prefix, lease),
    uid: uidOf(lease),
    mac: lease.mac,
    address: `${lease.address}/${prefixOf(network.subnet)}`,
    gateway: network.gateway,
    dns: [network.gateway],
    searchDomains: [],
  };
}

function waitingReason(
  id: NetworkId,
  status: NetworkStatus | undefined,
  leased: boolean,
): string | undefined {
  if (status === undefined) return `network ${id} is not in the configuration`;
  if (status.phase === "waiting") return status.reason;
  return leased ? undefined : `network ${id} has no free address`;
}

/** At most 15 characters, which is what Linux takes. */
function tapName(prefix: string, { index, slot }: Lease): string {
  return `${prefix}t${index}n${slot}`;
}

/** A port of the node goes to the app that asked first; who came later waits and is told for whom. */
function planPorts(
  desired: DesiredState,
  leases: readonly Lease[],
): { ports: PortRule[]; conflicts: Map<AppId, string> } {
  const owners = new Map<string, string>();
  const ports: PortRule[] = [];
  const conflicts = new Map<AppId, string>();
  const age = new Map(
    leases.toReversed().map(({ appId }) => [appId, leases.findIndex((it) => it.appId === appId)]),
  );
  const oldest = desired.apps.toSorted(
    (left, right) => (age.get(left.id) ?? 1e9) - (age.get(right.id) ?? 1e9),
  );
  for (const app of oldest) {
    const wanted = app.nics.flatMap((nic) => nic.portMaps.map((map) => ({ ...map, nic: nic.name })));
    const taken = wanted.find(({ protocol, nodePort }) => owners.has(`${protocol}/${nodePort}`));
    if (taken !== undefined) {
      const owner = owners.get(`${taken.protocol}/${taken.nodePort}`);
      conflicts.set(app.id, `port ${taken.nodePort}/${taken.protocol} of the node is used by ${owner}`);
      continue;
    }
    for (const { protocol, nodePort, appPort, nic } of wanted) {
      owners.set(`${protocol}/${nodePort}`, app.displayName);
      const address = leases.find((lease) => lease.appId === app.id && lease.nic === nic)?.address;
      if (address !== undefined) ports.push({ protocol, nodePort, address, appPort });
    }
  }
  return { ports, conflicts };
}

function faultOf(network: NetworkSpec): string | undefined {
  if (network.inactive === true) return `network ${network.name} is not activated`;
  if (network.kind !== "local") return `networks of kind ${network.kind} are not supported on this node`;
  try {
    prefixOf(network.subnet);
    for (const address of [network.gateway, network.dhcpFirst, network.dhcpLast, ...network.dns])
      parseIpv4(address);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidAddressError) return `network ${network.name}: ${error.message}`;
    throw error;
  }
}
