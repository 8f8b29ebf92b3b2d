/** Which ways out of local networks several ports of the node stand for. Pure. */
import type { DesiredState, NetworkId, NetworkSpec, PortSpec } from "../../desired.ts";
import { type Family, familyOf } from "../address.ts";
import { inSubnet } from "../lease.ts";
import type { WayChoice, WayRemote } from "./way-spec.ts";

export interface Way {
  readonly networkId: NetworkId;
  readonly destination: string;
  readonly family: Family;
  /** Who leads on; empty: the gateway of the port. */
  readonly gateway: string;
  readonly choice: WayChoice;
  /** Two or more. */
  readonly ports: readonly PortSpec[];
}

/** Where everything goes that has no way of its own. */
export const everywhere = { ip: "0.0.0.0/0", ip6: "::/0" } as const;

export function wayKey(networkId: NetworkId, destination: string): string {
  return `${networkId} ${destination}`;
}

/** `controller` is whom uplinks lead to. */
export function planWays(
  { networks, ports = [] }: Pick<DesiredState, "networks" | "ports">,
  controller: WayRemote,
): Way[] {
  return networks.flatMap((network) => waysOfNetwork(network, ports, controller));
}

function waysOfNetwork(network: NetworkSpec, all: readonly PortSpec[], controller: WayRemote): Way[] {
  const { id: networkId, kind, port = "", routes = [], subnet } = network;
  if (kind !== "local" || port === "" || network.inactive === true || network.fault !== undefined) return [];
  const own = portsOf(all, port);
  const family = familyOf(subnet);
  const isInside = (gateway: string): boolean => gateway !== "" && inSubnet(network, gateway);
  const wished = routes
    .filter((it) => it.port !== "" && !isInside(it.gateway))
    .map(({ destination, gateway, choice = {}, port: label }) => {
      const ports = portsOf(own, label);
      return { networkId, destination, family, gateway, choice, ports };
    });
  const out = everywhere[family];
  const said = routes.some(({ destination }) => destination === out);
  const usual = { networkId, destination: out, family, gateway: "", ports: own };
  const ways = said ? wished : [...wished, { ...usual, choice: usualChoice(port, own, controller) }];
  return ways.filter(({ ports }) => ports.length > 1);
}

/** Ports that a name or a label means, EVE's own labels among them. */
export function portsOf(ports: readonly PortSpec[], label: string): readonly PortSpec[] {
  if (label === "all") return ports;
  if (label === "uplink") return ports.filter(({ uplink }) => uplink);
  if (label === "freeuplink") return ports.filter(({ uplink, cost }) => uplink && cost === 0);
  return ports.filter(({ name, labels }) => name === label || labels.includes(label));
}

/** As EVE has it: the free ones' gateways are asked, and uplinks have to lead to the controller. */
function usualChoice(label: string, ports: readonly PortSpec[], controller: WayRemote): WayChoice {
  const choice = { gatewayMaxCost: 0, cheapest: true };
  // Behind a proxy nothing leads there straight.
  const direct = ports.every(({ proxy }) => proxy === undefined);
  return direct && (label === "uplink" || label === "freeuplink")
    ? { ...choice, remote: controller }
    : choice;
}
