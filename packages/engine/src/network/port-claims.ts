import type { AppId, DesiredState } from "../desired.ts";
import { familyOf } from "./address.ts";
import type { Lease } from "./lease.ts";
import type { PortRule } from "./port-maps.ts";
import { routeKey } from "./services.ts";

export interface PortClaims {
  readonly ports: readonly PortRule[];
  /** Why an app has to wait, by app. */
  readonly conflicts: ReadonlyMap<AppId, string>;
}

export interface NodePorts {
  /** Cards a name or label means; undefined: every one that leads outside; empty: there is none. */
  interfacesOf(label: string): readonly string[] | undefined;
  /** Addresses a card has now. */
  addressesOf(card: string): readonly string[];
}

interface Claim {
  readonly protocol: "tcp" | "udp";
  readonly nodePort: number;
  readonly appPort: number;
  readonly nic: string;
  readonly interfaces: readonly string[] | undefined;
  /** The service's route whose port of the node it is. */
  readonly route: string | undefined;
}

/**
 * A port of the node goes to the app that asked first; who came later waits and is told for whom. A service's goes to
 * all of its apps.
 */
export function claimPorts(
  desired: DesiredState,
  leases: readonly Lease[],
  nodePorts: NodePorts,
): PortClaims {
  const owners: { readonly claim: Claim; readonly name: string }[] = [];
  const ports: PortRule[] = [];
  const conflicts = new Map<AppId, string>();
  const age = new Map(
    leases.toReversed().map(({ appId }) => [appId, leases.findIndex((it) => it.appId === appId)]),
  );
  const oldest = desired.apps.toSorted(
    (left, right) => (age.get(left.id) ?? 1e9) - (age.get(right.id) ?? 1e9),
  );
  for (const app of oldest) {
    const wanted = claimsOf(app, desired, nodePorts);
    const taken = wanted.flatMap((claim) => {
      const owner = owners.find((it) => overlap(it.claim, claim));
      return owner === undefined
        ? []
        : [`port ${claim.nodePort}/${claim.protocol} of the node is used by ${owner.name}`];
    });
    if (taken[0] !== undefined) {
      conflicts.set(app.id, taken[0]);
      continue;
    }
    for (const claim of wanted) {
      owners.push({ claim, name: app.displayName });
      const address = leases.find((lease) => lease.appId === app.id && lease.nic === claim.nic)?.address;
      if (address === undefined || address === "") continue;
      const { protocol, nodePort, appPort, interfaces, route } = claim;
      const addresses = (interfaces?.flatMap((card) => nodePorts.addressesOf(card)) ?? []).filter(
        (own) => familyOf(own) === familyOf(address),
      );
      ports.push({ protocol, nodePort, address, appPort, interfaces, addresses, route });
    }
  }
  return { ports, conflicts };
}

/** By its network's port, narrowed to the one the rule names. */
function claimsOf(app: DesiredState["apps"][number], desired: DesiredState, ports: NodePorts): Claim[] {
  return app.nics.flatMap((nic) => {
    const network = desired.networks.find(({ id }) => id === nic.networkId);
    const outside = network?.port === undefined ? undefined : ports.interfacesOf(network.port);
    return nic.rules.flatMap(({ action, protocol, localPorts, adapter }): Claim[] => {
      if (action.kind !== "map" || localPorts === undefined) return [];
      const named = adapter === undefined ? undefined : ports.interfacesOf(adapter);
      const interfaces =
        named === undefined
          ? outside
          : named.filter((card) => outside === undefined || outside.includes(card));
      const name = protocol === 17 ? "udp" : "tcp";
      const claim = { protocol: name, nodePort: localPorts.first, appPort: action.appPort } as const;
      return [{ ...claim, nic: nic.name, interfaces, route: routeOf(claim, app.id, desired) }];
    });
  });
}

function routeOf(
  { protocol, nodePort, appPort }: Pick<Claim, "protocol" | "nodePort" | "appPort">,
  id: AppId,
  { services = [] }: DesiredState,
): string | undefined {
  for (const { address, ports } of services)
    for (const it of address === "" ? [] : ports) {
      const isAmong = it.targets.some((to) => "appId" in to && to.appId === id && to.port === appPort);
      if (it.nodePort === nodePort && it.protocol === protocol && isAmong)
        return routeKey(address, protocol, it.port);
    }
  return undefined;
}

function overlap(left: Claim, right: Claim): boolean {
  if (left.route !== undefined && left.route === right.route) return false;
  if (left.protocol !== right.protocol || left.nodePort !== right.nodePort) return false;
  if (left.interfaces === undefined || right.interfaces === undefined) return true;
  return left.interfaces.some((card) => right.interfaces?.includes(card));
}
