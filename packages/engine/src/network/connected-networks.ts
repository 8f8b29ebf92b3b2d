/** Networks that a local network's ports are in, for its apps to be told of. Pure. */
import type { NetworkSpec, PortSpec } from "../desired.ts";
import { familyOf } from "./address.ts";
import type { NodeCard } from "./network-driver.ts";
import { portsOf } from "./way/way-plan.ts";

/** None where the configuration does not ask for it. */
export function connectedNetworks(
  { kind, connectedRoutes = false, port = "", subnet }: NetworkSpec,
  ports: readonly PortSpec[],
  cards: ReadonlyMap<string, NodeCard>,
): readonly string[] {
  if (kind !== "local" || !connectedRoutes) return [];
  const networks = portsOf(ports, port).flatMap((it) => cards.get(it.interface)?.networks ?? []);
  return [...new Set(networks)].filter((it) => it !== subnet && familyOf(it) === familyOf(subnet)).sort();
}
