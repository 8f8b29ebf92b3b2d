/** What an adapter of EVE's stands on: a card, or a VLAN or bond that the node makes of cards. Pure. */
import { bondModes, type config, devmodelCommon, netCommon } from "@selvedge/eve-api";
import type { BondMode, BondSpec, BondWatch, LinkSpec } from "../desired.ts";
import { isAddress } from "./subnet.ts";

type Message = config.EdgeDevConfig;
type Card = Message["deviceIoList"][number];
type Vlan = Message["vlans"][number];
type Bond = Message["bonds"][number];

export interface LowerLayer {
  /** Linux' name of what speaks. */
  readonly interface: string;
  /** What has to be made for it, the lowest first. */
  readonly links: readonly LinkSpec[];
  /** Undefined where it is made of cards, or of none. */
  readonly card: Card | undefined;
}

/** What is called `label`. What is wrong goes to `faults`. */
export function lowerLayer(label: string, message: Message, faults: string[]): LowerLayer {
  const cards = cardsOf(label, message);
  const vlans = message.vlans.filter(({ logicallabel }) => logicallabel === label);
  const bonds = message.bonds.filter(({ logicallabel }) => logicallabel === label);
  const count = cards.length + vlans.length + bonds.length;
  const [[card], [vlan], [bond]] = [cards, vlans, bonds];
  if (count !== 1) {
    faults.push(`lowerLayerName: ${count === 0 ? "no card is" : "several cards are"} called ${label}`);
    return { interface: label, links: [], card: undefined };
  }
  if (card !== undefined) return { interface: interfaceOf(card, label, faults), links: [], card };
  if (vlan !== undefined) return vlanLayer(vlan, message, faults);
  const spec = bondOf(bond as Bond, message, faults);
  return { interface: spec.name, links: [spec], card: undefined };
}

function vlanLayer(vlan: Vlan, message: Message, faults: string[]): LowerLayer {
  const { logicallabel: label, lowerLayerName, vlanId: tag } = vlan;
  const name = madeName(vlan.interfaceName, `vlans: ${label}`, message, faults);
  if (tag < 1 || tag > 4094) faults.push(`vlans: vlan_id ${tag} of ${label} is not between 1 and 4094`);
  if (message.vlans.some(({ logicallabel }) => logicallabel === lowerLayerName))
    faults.push(`vlans: ${label} is on ${lowerLayerName}, which is a VLAN itself`);
  const same = message.vlans.find(
    (it) => it !== vlan && it.lowerLayerName === lowerLayerName && it.vlanId === tag,
  );
  if (same !== undefined)
    faults.push(`vlans: ${label} and ${same.logicallabel} are both VLAN ${tag} of ${lowerLayerName}`);
  if (faults.length > 0) return { interface: name, links: [], card: undefined };
  const lower = lowerLayer(lowerLayerName, message, faults);
  ethernet(lower.card, lowerLayerName, faults);
  return {
    interface: name,
    links: [...lower.links, { kind: "vlan", name, lower: lower.interface, tag }],
    card: undefined,
  };
}

function bondOf(bond: Bond, message: Message, faults: string[]): BondSpec {
  const { logicallabel: label, lowerLayerNames } = bond;
  const name = madeName(bond.interfaceName, `bonds: ${label}`, message, faults);
  if (name === "bond0")
    faults.push(`bonds: interface_name of ${label} is bond0, which Linux keeps for itself`);
  if (lowerLayerNames.length === 0) faults.push(`bonds: ${label} has no lower_layer_names`);
  const mode = linuxModes.get(bond.bondMode);
  if (mode === undefined) faults.push(`bonds: bond_mode ${bond.bondMode} of ${label} is none of 1 to 7`);
  const members = lowerLayerNames.map((member) => {
    const [card, second] = cardsOf(member, message);
    if (card === undefined || second !== undefined) {
      faults.push(`bonds: ${card === undefined ? "no card is" : "several cards are"} called ${member}`);
      return { name: member, card: member };
    }
    ethernet(card, member, faults);
    const other = message.bonds.find((it) => it !== bond && it.lowerLayerNames.includes(member));
    if (other !== undefined) faults.push(`bonds: ${member} is in ${label} and in ${other.logicallabel}`);
    if (message.systemAdapterList.some((it) => (it.lowerLayerName || it.name) === member))
      faults.push(`bonds: ${member} is in ${label} and a port of its own`);
    return { name: member, card: interfaceOf(card, member, faults) };
  });
  const lacpRate = bond.lacpRate === netCommon.LacpRate.FAST ? "fast" : "slow";
  const watch = watchOf(bond, mode, faults);
  return { kind: "bond", name, members, mode: mode ?? "active-backup", watch, lacpRate };
}

const linuxModes = new Map(
  Object.entries(bondModes).map(([name, mode]) => [mode as number, name as BondMode]),
);

/** A bond that does not look at its cards stays with a dead one, so one that says nothing looks this often. */
const carrierEveryMs = 100;
/** As many as Linux asks. */
const targetsMax = 16;

function watchOf(
  { logicallabel, monitoring }: Bond,
  mode: BondMode | undefined,
  faults: string[],
): BondWatch {
  if (monitoring.case !== "arp") {
    const { interval = 0, updelay: upDelayMs = 0, downdelay: downDelayMs = 0 } = monitoring.value ?? {};
    return { kind: "carrier", everyMs: interval || carrierEveryMs, upDelayMs, downDelayMs };
  }
  const { interval, ipTargets: targets } = monitoring.value;
  const what = `bonds: arp of ${logicallabel}`;
  if (interval === 0) faults.push(`${what} has no interval`);
  if (targets.length === 0 || targets.length > targetsMax || !targets.every(isIpv4))
    faults.push(`${what}: ip_targets must be 1 to ${targetsMax} IPv4 addresses`);
  if (mode !== undefined && /802\.3ad|tlb|alb/.test(mode))
    faults.push(`${what}: ${mode} can only look at the carrier (mii)`);
  return { kind: "arp", everyMs: interval, targets };
}

function isIpv4(text: string): boolean {
  return isAddress(text) && !text.includes(":");
}

/** The name of what the node makes: one that Linux takes, and that nothing else of the configuration has. */
function madeName(name: string, what: string, message: Message, faults: string[]): string {
  if (!linuxName.test(name)) faults.push(`${what} has no interface_name that Linux could have`);
  const same = [...message.vlans, ...message.bonds].filter(({ interfaceName }) => interfaceName === name);
  const card = message.deviceIoList.some((it) => ifnameOf(it) === name);
  if (same.length > 1 || card) faults.push(`${what}: interface_name ${name} is used twice`);
  return name;
}

const linuxName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;

function ethernet(card: Card | undefined, label: string, faults: string[]): void {
  const { PhyIoNetEth, PhyIoNetEthPF } = devmodelCommon.PhyIoType;
  if (card !== undefined && card.ptype !== PhyIoNetEth && card.ptype !== PhyIoNetEthPF)
    faults.push(`deviceIoList: ${label} is no Ethernet card, and nothing can be made of it`);
}

function cardsOf(label: string, { deviceIoList }: Message): Card[] {
  return deviceIoList.filter(({ logicallabel, phylabel }) => (logicallabel || phylabel) === label);
}

function interfaceOf(card: Card, label: string, faults: string[]): string {
  const name = ifnameOf(card) ?? "";
  if (linuxName.test(name)) return name;
  faults.push(`deviceIoList: ${label} has no phyaddrs.ifname that Linux could have`);
  return label;
}

function ifnameOf({ phyaddrs }: Card): string | undefined {
  return Object.entries(phyaddrs).find(([key]) => key.toLowerCase() === "ifname")?.[1];
}
