import type { NetworkSpec, PortSpec } from "../desired.ts";
import { InvalidAddressError, parseAddress, parsePrefix } from "./address.ts";
import { carriedFault, carriedPort } from "./carried-port.ts";
import { interfacesOf } from "./port-labels.ts";

/** Why this node cannot have a network, given its ports and the networks it has already. Pure. */
export function faultOf(
  network: NetworkSpec,
  ports: readonly PortSpec[],
  others: readonly NetworkSpec[],
  managed: boolean,
): string | undefined {
  const { name, port } = network;
  if (network.inactive === true) return `network ${name} is not activated`;
  if (network.fault !== undefined) return network.fault;
  const cards = port === undefined || port === "" ? undefined : interfacesOf(ports, port);
  if (cards?.length === 0) return `network ${name}: the node has no port with name or label ${port}`;
  if (network.kind === "switch") return switchFault(network, ports, others, managed);
  try {
    parsePrefix(network.subnet);
    for (const address of [network.gateway, network.dhcpFirst, network.dhcpLast]) parseAddress(address);
  } catch (error) {
    if (error instanceof InvalidAddressError) return `network ${name}: ${error.message}`;
    throw error;
  }
  const same = others.find((other) => other.kind === "local" && overlap(other.subnet, network.subnet));
  if (same !== undefined)
    return `network ${name}: ${network.subnet} overlaps ${same.subnet} of network ${same.name}`;
  const missing = (network.routes ?? []).find(
    (it) => it.port !== "" && interfacesOf(ports, it.port)?.length === 0,
  );
  return missing && `network ${name}: the node has no port ${missing.port} for ${missing.destination}`;
}

/** A card can be in one bridge; one that the node speaks by is shared where the node looks after its ports. */
function switchFault(
  network: NetworkSpec,
  ports: readonly PortSpec[],
  others: readonly NetworkSpec[],
  managed: boolean,
): string | undefined {
  const { name, port = "" } = network;
  if (port === "") return undefined;
  const cards = interfacesOf(ports, port);
  if (cards === undefined)
    return `network ${name}: a switch needs a port of its own; ${port} means all that lead to the controller`;
  const own = carriedPort(network, ports);
  if (own !== undefined && !managed)
    return (
      `network ${name}: port ${own.name} is looked after by the box's own system (--ports); ` +
      "give the switch one that the node does not speak by"
    );
  const fault = carriedFault(network, ports);
  if (fault !== undefined) return `network ${name}: ${fault}`;
  const access =
    own && (network.accessPorts ?? []).some((it) => interfacesOf(ports, it.port)?.includes(own.interface));
  if (access)
    return `network ${name}: port ${own.name} speaks for the node, too, and cannot be in one VLAN of the switch`;
  const taken = others.find(
    (other) =>
      other.kind === "switch" && interfacesOf(ports, other.port ?? "")?.some((it) => cards.includes(it)),
  );
  return taken && `network ${name}: port ${port} is in network ${taken.name}`;
}

function overlap(left: string, right: string): boolean {
  const [one, other] = [parsePrefix(left), parsePrefix(right)];
  return one.family === other.family && one.first <= other.last && other.first <= one.last;
}
