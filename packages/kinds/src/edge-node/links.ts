/** Ports that a box makes of others: VLANs, and bonds of several cards. */
import type { Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";
import { isAddress } from "../network/cidr.ts";

export interface PortVlan {
  /** A port of this box, or the Linux name of a card that is none. */
  parent: string;
  id: number;
}

export interface PortBond {
  /** Linux names of cards that are no ports themselves. */
  cards: string[];
  /** active-backup when unset. */
  mode?: BondMode;
  /** How often 802.3ad partners speak; slow when unset. */
  lacpRate?: "slow" | "fast";
  /** How dead cards are found; by their carrier when unset. */
  carrier?: { intervalMs?: number; upDelayMs?: number; downDelayMs?: number };
  arp?: { intervalMs: number; targets: string[] };
}

/** What of a port matters here. */
interface LinkedPort {
  name: string;
  interface?: string;
  wifi?: unknown;
  cellular?: unknown;
  vlan?: PortVlan;
  bond?: PortBond;
}

export type BondMode =
  | "802.3ad"
  | "active-backup"
  | "balance-alb"
  | "balance-rr"
  | "balance-tlb"
  | "balance-xor"
  | "broadcast";

const bondModes: BondMode[] = [
  ...(["active-backup", "balance-rr", "balance-xor", "broadcast", "802.3ad"] as const),
  ...(["balance-tlb", "balance-alb"] as const),
];

const nameMax = 15;
/** Of what 12 bits hold the ends have meanings of their own. */
const tagMax = 4094;
const cardsMax = 16;
const targetsMax = 16;
const intervalMax = 60_000;

const cardName: Schema = { type: "string", minLength: 1, maxLength: nameMax };
const milliseconds = (description: string, minimum: number): Schema => ({
  ...{ type: "integer", format: "int32", minimum, maximum: intervalMax },
  description,
});

export const vlanSchema: Schema = objectOf(
  "A VLAN of another port.",
  {
    parent: textOf("The port that carries it: one of these, or the Linux name of a card that is none.", {
      ...{ minLength: 1, maxLength: nameMax },
    }),
    id: {
      ...{ type: "integer", format: "int32", minimum: 1, maximum: tagMax },
      description: "Its number.",
    },
  },
  ["parent", "id"],
);

export const bondSchema: Schema = objectOf(
  "Several cards that act as one.",
  {
    cards: {
      ...{ type: "array", minItems: 1, maxItems: cardsMax, items: cardName },
      "x-kubernetes-list-type": "set",
      description: "The cards, as the box's Linux calls them. They are no ports themselves.",
    },
    mode: textOf("How they share the work.", { enum: [...bondModes], default: "active-backup" }),
    lacpRate: textOf("How often 802.3ad partners speak; slow when not said.", { enum: ["slow", "fast"] }),
    carrier: objectOf("Finds dead cards by their carrier, which is how it is done when nothing is said.", {
      intervalMs: milliseconds("How often it looks; every 100 when not said.", 1),
      upDelayMs: milliseconds("How long a card must be there before it is used.", 0),
      downDelayMs: milliseconds("How long a card must be away before it is left.", 0),
    }),
    arp: objectOf(
      "Finds dead cards by asking hosts for their addresses.",
      {
        intervalMs: milliseconds("How often it asks.", 1),
        targets: {
          ...{ type: "array", minItems: 1, maxItems: targetsMax, items: { type: "string" } },
          "x-kubernetes-list-type": "set",
          description: "IPv4 addresses of hosts that always answer.",
        },
      },
      ["intervalMs", "targets"],
    ),
  },
  ["cards"],
);

/** Cards that something is made of, and that are no ports themselves, with what is made of each. */
export function bareCards<Port extends LinkedPort>(ports: readonly Port[]): ReadonlyMap<string, Port> {
  const named = new Set(ports.map(({ name }) => name));
  const bare = new Map<string, Port>();
  for (const port of ports) {
    for (const card of port.bond?.cards ?? (port.vlan === undefined ? [] : [port.vlan.parent])) {
      if (!named.has(card) && !bare.has(card)) bare.set(card, port);
    }
  }
  return bare;
}

/** Every name by which ports, and cards that they are made of, are known. */
export function cardNames(ports: readonly LinkedPort[]): ReadonlySet<string> {
  const own = ports.flatMap(({ name, interface: linux = name }) => [name, linux]);
  return new Set([...own, ...bareCards(ports).keys()]);
}

export function linkFaults(ports: readonly LinkedPort[], faults: Faults): void {
  const inBonds = new Map<string, string>();
  const tags = new Set<string>();
  for (const [at, { name, interface: linux = name, vlan, bond }] of ports.entries()) {
    const field = `spec.ports[${at}]`;
    if (bond !== undefined) {
      bondFaults(`${field}.bond`, bond, faults);
      if (linux === "bond0") {
        const where = linux === name ? "name" : "interface";
        faults.invalid(`${field}.${where}`, linux, "Linux keeps bond0 for itself: call it something else");
      }
      for (const [place, card] of bond.cards.entries()) {
        const path = `${field}.bond.cards[${place}]`;
        const port = ports.find((one) => one.name === card || one.interface === card);
        if (port !== undefined) faults.invalid(path, card, "is a port of its own: take it out of spec.ports");
        const other = inBonds.get(card);
        if (other !== undefined) faults.invalid(path, card, `is in the bond ${other} already`);
        inBonds.set(card, name);
      }
    }
    if (vlan === undefined) continue;
    const lower = ports.find((one) => one.name === vlan.parent);
    if (lower?.vlan !== undefined) faults.invalid(`${field}.vlan.parent`, vlan.parent, "is a VLAN itself");
    if (lower?.wifi !== undefined || lower?.cellular !== undefined)
      faults.invalid(`${field}.vlan.parent`, vlan.parent, "carries no VLANs: it is no cable");
    const tag = `${vlan.parent} ${vlan.id}`;
    if (tags.has(tag)) faults.duplicate(`${field}.vlan.id`, vlan.id);
    tags.add(tag);
  }
  for (const [at, { vlan }] of ports.entries()) {
    const other = vlan && inBonds.get(vlan.parent);
    if (other !== undefined)
      faults.invalid(
        `spec.ports[${at}].vlan.parent`,
        vlan?.parent,
        `is in the bond ${other}: name that instead`,
      );
  }
}

function bondFaults(field: string, { mode, lacpRate, carrier, arp }: PortBond, faults: Faults): void {
  if (lacpRate !== undefined && mode !== "802.3ad")
    faults.forbidden(`${field}.lacpRate`, "only partners of mode 802.3ad speak with each other");
  if (arp === undefined) return;
  if (carrier !== undefined)
    faults.forbidden(`${field}.arp`, "cards are watched in one way: leave carrier or this out");
  if (mode === "802.3ad" || mode === "balance-tlb" || mode === "balance-alb")
    faults.forbidden(`${field}.arp`, `Linux watches a bond of mode ${mode} by its carrier only`);
  for (const [place, target] of arp.targets.entries()) {
    if (!isAddress(target, 4))
      faults.invalid(`${field}.arp.targets[${place}]`, target, "must be an IPv4 address");
  }
}
