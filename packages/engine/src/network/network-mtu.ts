/** How long a packet of a network may be: no longer than its ports carry. Pure. */
import type { NetworkSpec, PortSpec } from "../desired.ts";
import type { NodeCard } from "./network-driver.ts";
import { portsOf } from "./way/way-plan.ts";

/** What Ethernet carries. */
export const usualMtu = 1500;

/** `trouble` says why it is not what was asked for. */
export function mtuOf(
  { name, port: label = "", mtu: asked }: NetworkSpec,
  all: readonly PortSpec[],
  cards: ReadonlyMap<string, NodeCard>,
): { readonly mtu: number; readonly trouble?: string } {
  const ports = portsOf(all, label).map((port) => ({
    name: port.name,
    mtu: cards.get(port.interface)?.mtu ?? port.mtu ?? usualMtu,
  }));
  const least = ports.toSorted((left, right) => left.mtu - right.mtu)[0];
  if (least === undefined || (asked !== undefined && asked <= least.mtu)) return { mtu: asked ?? usualMtu };
  if (asked === undefined) return { mtu: least.mtu };
  const trouble = `network ${name}: port ${least.name} carries ${least.mtu} bytes, not the ${asked} of its mtu`;
  return { mtu: least.mtu, trouble };
}
