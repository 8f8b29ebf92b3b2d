import type { AppId, AppSpec, DesiredState, NetworkId, NetworkSpec, NicSpec } from "../desired.ts";
import { familyOf, formatAddress, parseAddress, parsePrefix } from "./address.ts";
import { stableMac } from "./mac.ts";

/** What an app's plug keeps for the app's life, whatever restarts. */
export interface Lease {
  readonly appId: AppId;
  readonly nic: string;
  readonly networkId: NetworkId;
  /** Of the app: its user and its taps are named by it. */
  readonly index: number;
  /** Of the plug within the app. */
  readonly slot: number;
  readonly mac: string;
  /** Empty on a switch, where the node gives none. */
  readonly address: string;
}

/**
 * Everything the network domain remembers; kept on disk, so that an engine that starts finds its taps
 * again.
 */
export interface Leases {
  readonly networks: Readonly<Record<string, number>>;
  readonly leases: readonly Lease[];
  /** Networks with plugs: one that is wanted no more stays until its last machine is gone. */
  readonly plugged: readonly NetworkSpec[];
}

export const noLeases: Leases = { networks: {}, leases: [], plugged: [] };

/** Users of this range belong to apps alone; far from Debian's own and from subordinate ids. */
const firstUid = 210_000;
/** An app's plugs; a configuration with more is refused. */
const slotsMax = 16;

export function uidOf(lease: Lease): number {
  return firstUid + lease.index;
}

/**
 * The next leases: those of apps that are wanted or still running stay as they are, new ones take what is
 * free. An address that the configuration asks for goes before one that was merely given.
 */
export function planLeases(before: Leases, desired: DesiredState, running: ReadonlySet<AppId>): Leases {
  const wanted = new Map(desired.apps.map((app) => [app.id, app]));
  const specs = new Map(desired.networks.map((network) => [network.id, network]));
  const asked = askedAddresses(desired);
  const leases = before.leases.flatMap((lease): Lease[] => {
    const plug = wanted.get(lease.appId)?.nics.find(({ name }) => name === lease.nic);
    const network = specs.get(lease.networkId);
    // What nobody wants stays as long as a machine may be plugged into it.
    if (plug === undefined || (network === undefined && plug.networkId === lease.networkId))
      return running.has(lease.appId) ? [lease] : [];
    if (network === undefined || plug.networkId !== lease.networkId) return [];
    // Addresses that move under a running machine reach it with its next start.
    if (!fits(network, plug, lease.address))
      return running.has(lease.appId) && plug.address === undefined && network.kind === "local"
        ? [lease]
        : [];
    const owner = asked.get(`${lease.networkId} ${lease.address}`);
    const yields = owner !== undefined && owner !== plugKey(lease.appId, lease.nic);
    if (yields && !running.has(lease.appId)) return [];
    return [{ ...lease, mac: macOf(lease.appId, plug) }];
  });
  const inUse = new Set(leases.map(({ networkId }) => networkId));
  const networks: Record<string, number> = Object.fromEntries(
    Object.entries(before.networks).filter(
      ([id]) => specs.has(id as NetworkId) || inUse.has(id as NetworkId),
    ),
  );
  for (const { id } of desired.networks) networks[id] ??= lowestFree(Object.values(networks));
  for (const { app, nic } of plugsInOrder(desired)) {
    const network = specs.get(nic.networkId);
    if (network === undefined || network.fault !== undefined) continue;
    if (leases.some(({ appId, nic: name }) => appId === app.id && name === nic.name)) continue;
    const index = before.leases.find(({ appId }) => appId === app.id)?.index;
    const lease = newLease(leases, app.id, nic, network, index);
    if (lease !== undefined) leases.push(lease);
  }
  const plugged = [...before.plugged.filter(({ id }) => !specs.has(id)), ...desired.networks].filter(
    ({ id }) => leases.some(({ networkId }) => networkId === id),
  );
  return { networks, leases, plugged };
}

/** Those that ask for an address first: nobody is given it by chance. */
function plugsInOrder({ apps }: DesiredState): { app: AppSpec; nic: NicSpec }[] {
  const all = apps.flatMap((app) => app.nics.slice(0, slotsMax).map((nic) => ({ app, nic })));
  return [
    ...all.filter(({ nic }) => nic.address !== undefined),
    ...all.filter(({ nic }) => nic.address === undefined),
  ];
}

/** Who is to have an address that somebody asks for; of two, the first. */
export function askedAddresses({ apps }: DesiredState): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { id, nics } of apps)
    for (const { name, networkId, address } of nics) {
      if (address === undefined || owners.has(`${networkId} ${address}`)) continue;
      owners.set(`${networkId} ${address}`, plugKey(id, name));
    }
  return owners;
}

export function plugKey(app: AppId, nic: string): string {
  return `${app}/${nic}`;
}

function fits(network: NetworkSpec, plug: NicSpec, address: string): boolean {
  if (network.fault !== undefined) return false;
  if (plug.address !== undefined) return plug.address === address;
  return network.kind === "switch" ? address === "" : inPool(network, address);
}

function macOf(appId: AppId, nic: NicSpec): string {
  return nic.mac?.toLowerCase() ?? stableMac(plugKey(appId, nic.name));
}

function newLease(
  leases: readonly Lease[],
  appId: AppId,
  nic: NicSpec,
  network: NetworkSpec,
  index: number | undefined,
): Lease | undefined {
  const own = leases.filter((lease) => lease.appId === appId);
  const address = addressFor(leases, nic, network);
  if (address === undefined) return undefined;
  return {
    appId,
    nic: nic.name,
    networkId: network.id,
    index: own[0]?.index ?? index ?? lowestFree(leases.map((lease) => lease.index)),
    slot: lowestFree(own.map(({ slot }) => slot)),
    mac: macOf(appId, nic),
    address,
  };
}

function addressFor(leases: readonly Lease[], nic: NicSpec, network: NetworkSpec): string | undefined {
  const taken = new Set(
    leases.filter((lease) => lease.networkId === network.id).map(({ address }) => address),
  );
  if (nic.address !== undefined)
    return taken.has(nic.address) || (network.kind === "local" && !inSubnet(network, nic.address))
      ? undefined
      : nic.address;
  if (network.kind === "switch") return "";
  const last = parseAddress(network.dhcpLast);
  for (let at = parseAddress(network.dhcpFirst); at <= last; at++) {
    const address = formatAddress(at, familyOf(network.subnet));
    if (!taken.has(address) && address !== network.gateway) return address;
  }
  return undefined;
}

function inPool(network: NetworkSpec, address: string): boolean {
  if (address === "" || familyOf(address) !== familyOf(network.subnet)) return false;
  const [at, first, last] = [address, network.dhcpFirst, network.dhcpLast].map(parseAddress) as [
    bigint,
    bigint,
    bigint,
  ];
  return at >= first && at <= last && address !== network.gateway;
}

/** A host's address that is not the network's own. */
export function inSubnet({ subnet, gateway }: NetworkSpec, address: string): boolean {
  const { family, first, last } = parsePrefix(subnet);
  if (familyOf(address) !== family) return false;
  const at = parseAddress(address);
  return at > first && at < last && address !== gateway;
}

function lowestFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let free = 0;
  while (used.has(free)) free++;
  return free;
}
