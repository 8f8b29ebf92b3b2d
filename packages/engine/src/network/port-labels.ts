import type { PortSpec } from "../desired.ts";

/** Labels that EVE sets by itself; they mean whatever leads outside, which the node's own table decides. */
const every: ReadonlySet<string> = new Set(["uplink", "freeuplink", "all"]);

/**
 * Cards that a name or label of a port means, cheapest first; undefined: every one that leads outside;
 * empty: there is none.
 */
export function interfacesOf(ports: readonly PortSpec[], label: string): readonly string[] | undefined {
  if (every.has(label)) return undefined;
  return ports
    .filter(({ name, labels }) => name === label || labels.includes(label))
    .toSorted((left, right) => left.cost - right.cost)
    .map((port) => port.interface);
}
