/**
 * How a box speaks that nobody has told how: every wired card asks its network for addresses, and any of them may
 * lead to the controller. Once somebody has, this is what it goes back to. Pure.
 */
import type { PortSpec } from "./port-spec.ts";

/** As udev and the kernel name wired cards; what the node makes of cards, and apps' plugs, is called otherwise. */
const wired = /^(en[a-z0-9]+|eth[0-9]+)$/;

export function lastResort(cards: Iterable<string>): readonly PortSpec[] {
  return [...cards]
    .filter((card) => wired.test(card))
    .sort()
    .map((card) => ({
      ...{ name: card, interface: card, labels: [], uplink: true, cost: 0 },
      address: { kind: "dhcp" },
    }));
}
