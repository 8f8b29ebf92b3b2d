/** Functions of network cards (SR-IOV) as EVE has them: VfList of a card, and eth_vf of an app's adapter. Pure. */
import { type app as appApi, type config, devmodelCommon } from "@selvedge/eve-api";
import type { CardPlace, DeviceGroup, FunctionWish } from "../device/device-spec.ts";

type Card = config.EdgeDevConfig["deviceIoList"][number];

/** EVE counts them in a byte. */
const functionsMax = 255;
const vlanMax = 4094;

export interface CardFunction {
  readonly index: number;
  readonly wish: FunctionWish;
  readonly fault?: string;
}

/** How EVE names a function, by any name of its card. */
export function functionName(card: string, index: number): string {
  return `${card}vf${index}`;
}

/** What a function is by such a name: some are named in the list of cards, too. */
export function namedFunction(
  ifname: string,
): { readonly card: CardPlace; readonly index: number } | undefined {
  const [, name, index = ""] = /^(.+)vf(\d{1,3})$/.exec(ifname) ?? [];
  return name === undefined ? undefined : { card: { kind: "card", name }, index: Number(index) };
}

/** How many a card is parted into; only one that is said to be of that type is, as for EVE. */
export function functionCount({ ptype, vflist }: Card): number {
  if (ptype !== devmodelCommon.PhyIoType.PhyIoNetEthPF) return 0;
  const count = vflist?.vfCount ?? 0;
  return count > functionsMax ? 0 : count;
}

export function functionsOf(card: Card, label: string): CardFunction[] {
  const data = card.vflist?.data ?? [];
  return Array.from({ length: functionCount(card) }, (_, index): CardFunction => {
    const at = data.findIndex((it) => it.index === index);
    const said = data[at];
    if (said === undefined) return { index, wish: {} };
    const wish = wishOf(said, `vflist.data[${at}]`, label);
    return typeof wish === "string" ? { index, wish: {}, fault: wish } : { index, wish };
  });
}

/** What is wrong with the list as a whole. */
export function vfListFault(card: Card, label: string): string | undefined {
  const { ptype, vflist } = card;
  if (ptype !== devmodelCommon.PhyIoType.PhyIoNetEthPF || vflist === undefined) return undefined;
  const { vfCount: count, data } = vflist;
  if (count > functionsMax) return `vflist.vf_count of ${label}: ${count} are more than ${functionsMax}`;
  const indexes = data.map(({ index }) => index);
  const beyond = indexes.find((index) => index >= count);
  if (beyond !== undefined)
    return `vflist.data of ${label}: index ${beyond} needs a vf_count of ${beyond + 1} or more, it is ${count}`;
  const twice = indexes.find((index, at) => indexes.indexOf(index) !== at);
  return twice === undefined ? undefined : `vflist.data of ${label}: index ${twice} is there twice`;
}

/** What an app asks for of functions, by group; or why nobody can give it that. */
export function functionWishes(
  adapters: appApi.AppInstanceConfig["adapters"],
  groups: readonly DeviceGroup[],
): Readonly<Record<string, FunctionWish>> | string {
  const wishes: Record<string, FunctionWish> = {};
  for (const { name, ethVf } of adapters) {
    if (ethVf === undefined || (ethVf.mac === "" && ethVf.vlanId === 0)) continue;
    const group = findGroup(name, groups);
    // What is not there is said where it is looked for.
    if (group === undefined) continue;
    const functions = group.members.filter(({ kind }) => kind === "function");
    if (functions.length !== 1) {
      const what = functions.length === 0 ? "no function" : "several functions";
      return `eth_vf of ${name}: it is ${what} of a card; ${howElse}`;
    }
    const wish = wishOf(ethVf, "eth_vf", name);
    if (typeof wish === "string") return wish;
    wishes[group.name] = wish;
  }
  return wishes;
}

const howElse = "name one that a card of type PhyIoNetEthPF has by its vflist";

/** A group by its own name, or by one of what is in it. */
export function findGroup(name: string, groups: readonly DeviceGroup[]): DeviceGroup | undefined {
  return (
    groups.find((group) => group.name === name) ??
    groups.find(({ members }) => members.some((it) => it.name === name || it.label === name))
  );
}

function wishOf(
  { mac, vlanId }: { readonly mac: string; readonly vlanId: number },
  field: string,
  label: string,
): FunctionWish | string {
  const digits = mac.replaceAll(/[:.-]/g, "").toLowerCase();
  if (mac !== "" && !isOneCards(digits))
    return `${field}.mac of ${label}: ${JSON.stringify(mac)} is no address of a card, like 02:00:00:00:00:01`;
  if (vlanId > vlanMax)
    return `${field}.vlan_id of ${label}: ${vlanId} is no VLAN; 1 to ${vlanMax}, or 0 for none`;
  return {
    ...(mac === "" ? {} : { mac: digits.match(/../g)?.join(":") ?? "" }),
    ...(vlanId === 0 ? {} : { vlan: vlanId }),
  };
}

/** Not of many, and not nobody's. */
function isOneCards(digits: string): boolean {
  return /^[\da-f][02468ace][\da-f]{10}$/.test(digits) && !/^0+$/.test(digits);
}
