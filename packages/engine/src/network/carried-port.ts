/**
 * A port of the node that shares its card with a switch: the card is in the switch's bridge, and there the
 * bridge speaks for the node with the card's own address. Pure.
 */
import type { NetworkSpec, PortSpec } from "../desired.ts";
import { interfacesOf } from "./port-labels.ts";

/** The one that the switch takes along; undefined where none of its cards speaks for the node. */
export function carriedPort(network: NetworkSpec, ports: readonly PortSpec[]): PortSpec | undefined {
  return carriedPorts(network, ports)[0];
}

/** Why the node and its apps cannot share these cards. */
export function carriedFault(network: NetworkSpec, ports: readonly PortSpec[]): string | undefined {
  const [first, second] = carriedPorts(network, ports);
  if (first === undefined) return undefined;
  if (second !== undefined)
    return `ports ${first.name} and ${second.name} both speak for the node; give the switch one of them`;
  // Who is let in by radio speaks for itself alone: what others say by it the network drops.
  const radio = first.wifi !== undefined ? "Wi-Fi" : first.cellular !== undefined ? "a modem" : undefined;
  return radio && `port ${first.name} is ${radio}, which no switch can be on`;
}

/** The ports as the rules for packets know them: by what speaks for each card. */
export function spokenPorts(
  ports: readonly PortSpec[],
  bridges: ReadonlyMap<string, string>,
): readonly PortSpec[] {
  return ports.map((port) => ({ ...port, interface: bridges.get(port.interface) ?? port.interface }));
}

function carriedPorts(network: NetworkSpec, ports: readonly PortSpec[]): PortSpec[] {
  if (network.kind !== "switch" || (network.port ?? "") === "") return [];
  const cards = interfacesOf(ports, network.port ?? "") ?? [];
  return ports.filter(
    ({ interface: card, uplink, address, fault }) =>
      cards.includes(card) && fault === undefined && (uplink || (address?.kind ?? "none") !== "none"),
  );
}
