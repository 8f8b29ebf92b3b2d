import { createHash } from "node:crypto";
import type { AppId, DesiredState, NetworkId, NetworkSpec, NicSpec } from "../desired.ts";
import { formatIpv4, parseIpv4 } from "./ipv4.ts";

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
/** More plugs than the driver names; Kubernetes gives one. */
const slotsMax = 16;

export function uidOf(lease: Lease): number {
  return firstUid + lease.index;
}

/**
 * The next leases: those of apps that are wanted or still running stay as they are, new ones take what is
 * free.
 */
export function planLeases(before: Leases, desired: DesiredState, running: ReadonlySet<AppId>): Leases {
  const wanted = new Map(desired.apps.map((app) => [app.id, app]));
  const specs = new Map(desired.networks.map((network) => [network.id, network]));
  const leases = before.leases.filter(({ appId, nic, networkId, address }) => {
    if (running.has(appId)) return true;
    const plug = wanted.get(appId)?.nics.find(({ name }) => name === nic);
    const network = specs.get(networkId);
    return plug?.networkId === networkId && network !== undefined && inPool(network, address);
  });
  const inUse = new Set(leases.map(({ networkId }) => networkId));
  const networks: Record<string, number> = Object.fromEntries(
    Object.entries(before.networks).filter(
      ([id]) => specs.has(id as NetworkId) || inUse.has(id as NetworkId),
    ),
  );
  for (const { id } of desired.networks) networks[id] ??= lowestFree(Object.values(networks));
  for (const app of desired.apps) {
    for (const nic of app.nics.slice(0, slotsMax)) {
      const network = specs.get(nic.networkId);
      if (network === undefined || network.kind !== "local") continue;
      if (leases.some(({ appId, nic: name }) => appId === app.id && name === nic.name)) continue;
      const lease = newLease(leases, app.id, nic, network);
      if (lease !== undefined) leases.push(lease);
    }
  }
  const plugged = [...before.plugged.filter(({ id }) => !specs.has(id)), ...desired.networks].filter(
    ({ id }) => leases.some(({ networkId }) => networkId === id),
  );
  return { networks, leases, plugged };
}

function newLease(
  leases: readonly Lease[],
  appId: AppId,
  nic: NicSpec,
  network: NetworkSpec,
): Lease | undefined {
  const own = leases.filter((lease) => lease.appId === appId);
  const address = freeAddress(leases, network);
  if (address === undefined) return undefined;
  return {
    appId,
    nic: nic.name,
    networkId: network.id,
    index: own[0]?.index ?? lowestFree(leases.map(({ index }) => index)),
    slot: lowestFree(own.map(({ slot }) => slot)),
    mac: nic.mac?.toLowerCase() ?? stableMac(`${appId}/${nic.name}`),
    address,
  };
}

function freeAddress(leases: readonly Lease[], network: NetworkSpec): string | undefined {
  const taken = new Set(
    leases.filter((lease) => lease.networkId === network.id).map(({ address }) => address),
  );
  const last = parseIpv4(network.dhcpLast);
  for (let at = parseIpv4(network.dhcpFirst); at <= last; at++) {
    const address = formatIpv4(at);
    if (!taken.has(address) && address !== network.gateway) return address;
  }
  return undefined;
}

function inPool(network: NetworkSpec, address: string): boolean {
  const at = parseIpv4(address);
  return (
    at >= parseIpv4(network.dhcpFirst) && at <= parseIpv4(network.dhcpLast) && address !== network.gateway
  );
}

/** Locally administered, and the same for the same name on every start. */
export function stableMac(name: string): string {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 5);
  return ["02", ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

function lowestFree(taken: readonly number[]): number {
  const used = new Set(taken);
  let free = 0;
  while (used.has(free)) free++;
  return free;
}
