/** What each end of a switch may carry: VLANs and the words by which bridges find loops. Pure. */
import type { NetworkSpec } from "../desired.ts";
import type { SwitchItem, SwitchPort } from "./network-driver.ts";

export interface SwitchInputs {
  readonly bridge: string;
  readonly network: Pick<NetworkSpec, "accessPorts" | "guarded" | "forwardLldp">;
  /** Cards of the node that are in it. */
  readonly cards: readonly string[];
  readonly taps: readonly { readonly name: string; readonly accessVlan: number | undefined }[];
  /** Cards a name or label of a port means; undefined: every one that leads outside. */
  readonly interfacesOf: (label: string) => readonly string[] | undefined;
}

/**
 * A switch with one end of a single VLAN knows of VLANs; its other ends carry all that some end is of, tagged, and
 * what has no tag among themselves. Only one on several cards can be part of a loop.
 */
export function planSwitch({ bridge, network, cards, taps, interfacesOf }: SwitchInputs): SwitchItem {
  const { accessPorts = [], guarded = "" } = network;
  const means = (label: string, card: string): boolean => (interfacesOf(label) ?? cards).includes(card);
  const ends = [
    ...cards.map((name) => ({
      name,
      access: accessPorts.find(({ port }) => means(port, name))?.vlan,
      guarded: guarded !== "" && means(guarded, name),
    })),
    // An app is no bridge; one that says it is has no say in who leads where.
    ...taps.map(({ name, accessVlan: access }) => ({ name, access, guarded: loops(cards) })),
  ];
  const vlans = [...new Set(ends.flatMap(({ access }) => access ?? []))].sort((left, right) => left - right);
  const ports = ends.map(
    ({ name, access, guarded }): SwitchPort => ({
      ...{ name, guarded },
      vlans: access === undefined ? { kind: "trunk", vlans } : { kind: "access", vlan: access },
    }),
  );
  const lldp = network.forwardLldp ?? false;
  return { bridge, loops: loops(cards), aware: vlans.length > 0, lldp, ports };
}

export function loops(cards: readonly string[]): boolean {
  return cards.length > 1;
}
