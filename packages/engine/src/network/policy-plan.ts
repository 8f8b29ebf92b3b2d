/** Ways of a local network that the node's own table does not have. Pure. */
import type { NetworkSpec, PortSpec } from "../desired.ts";
import type { TakenWay } from "../observed.ts";
import { familyOf } from "./address.ts";
import { inSubnet } from "./lease.ts";
import type { PolicyRoutes } from "./network-driver.ts";
import { interfacesOf } from "./port-labels.ts";
import { everywhere, portsOf, wayKey } from "./way/way-plan.ts";

/** Tables of the kernel are numbers; these are ours. */
const firstTable = 7700;

interface Routed extends NetworkSpec {
  readonly index: number;
  readonly bridge: string;
  readonly interfaces: readonly string[] | undefined;
}

/** By way: the port that was chosen, by name, and its gateway. */
export type ChosenWays = ReadonlyMap<string, { readonly port: string; readonly gateway: string }>;

/**
 * Nothing when the node's own table does as well. Where several ports could be a way, `chosen` says which one
 * is; the others stand in for it, cheapest first, until another is chosen.
 */
export function policyRoutes(
  network: Routed,
  all: readonly Routed[],
  ports: readonly PortSpec[],
  chosen: ChosenWays = new Map(),
): PolicyRoutes[] {
  const { routes = [], interfaces, kind, bridge, index, id } = network;
  const family = familyOf(network.subnet);
  const out = everywhere[family];
  const isChosen = chosen.has(wayKey(id, out));
  if (kind !== "local" || (interfaces === undefined && routes.length === 0 && !isChosen)) return [];
  const ordered = (cards: readonly string[] | undefined, destination: string): typeof cards => {
    const name = chosen.get(wayKey(id, destination))?.port;
    const first = ports.find((port) => port.name === name)?.interface;
    if (first === undefined) return cards;
    const others = cards ?? cardsOf(ports, network.port ?? "");
    return [first, ...others.filter((card) => card !== first)];
  };
  const statics = routes.map(({ destination, gateway, port }) => {
    const inside = gateway !== "" && inSubnet(network, gateway);
    const cards = inside ? [bridge] : ordered(cardsOfRoute(network, port, ports), destination);
    return { destination, gateway, interfaces: cards };
  });
  if (isChosen && !routes.some(({ destination }) => destination === out))
    statics.push({ destination: out, gateway: "", interfaces: ordered(interfaces, out) });
  const subnets = all
    .filter((other) => other.kind === "local" && familyOf(other.subnet) === family)
    .map((other) => ({ subnet: other.subnet, bridge: other.bridge }));
  return [{ family, bridge, subnets, table: firstTable + index, interfaces, statics }];
}

/** What is told of a network's ways: those it asks for, and the one that all else takes. */
export function takenWays(
  network: NetworkSpec,
  ports: readonly PortSpec[],
  chosen: ChosenWays = new Map(),
): TakenWay[] {
  const { id, kind, port: label = "", routes = [], subnet } = network;
  if (kind !== "local") return [];
  const out = everywhere[familyOf(subnet)];
  const own = portsOf(ports, label);
  const taken = (destination: string, gateway: string, some: readonly PortSpec[]): TakenWay => {
    const found = chosen.get(wayKey(id, destination));
    const only = some.length === 1 ? some[0]?.name : undefined;
    return {
      ...{ destination, gateway: gateway || (found?.gateway ?? "") },
      port: found?.port ?? only ?? "",
    };
  };
  const ways = routes.map(({ destination, gateway, port }) =>
    gateway !== "" && inSubnet(network, gateway)
      ? { destination, gateway, port: "" }
      : taken(destination, gateway, port === "" ? own : portsOf(own, port)),
  );
  const said = routes.some(({ destination }) => destination === out);
  return said || label === "" ? ways : [...ways, taken(out, "", own)];
}

/** A way leaves by ports of its network alone. */
function cardsOfRoute(
  { interfaces }: Routed,
  label: string,
  ports: readonly PortSpec[],
): readonly string[] | undefined {
  const cards = label === "" ? undefined : interfacesOf(ports, label);
  if (cards === undefined || interfaces === undefined) return cards ?? interfaces;
  return cards.filter((card) => interfaces.includes(card));
}

function cardsOf(ports: readonly PortSpec[], label: string): readonly string[] {
  return portsOf(ports, label)
    .toSorted((left, right) => left.cost - right.cost)
    .map((port) => port.interface);
}
