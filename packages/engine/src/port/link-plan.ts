/** VLANs and bonds: from what the kernel has to what the ports want. Pure; the driver runs the lines with `ip`. */
import type { BondSpec, LinkSpec } from "./port-spec.ts";

export interface PresentLink {
  readonly name: string;
  /** Set by us on what we made: says what it was made as. */
  readonly alias: string;
  /** The link it is a part of, a bond or a bridge. */
  readonly master: string;
}

export interface LinkPlan {
  /** For `ip`, in order, with the link that each is for. */
  readonly steps: readonly { readonly link: string; readonly line: string }[];
  /** Why a link cannot be made, by name. */
  readonly problems: ReadonlyMap<string, string>;
}

/** Begins the alias of each link that is ours; what it was made as follows. */
export const aliasStart: string = "selvedge ";

/**
 * What differs from its wish in any way but its members is made anew: a bond cannot change its mode while it
 * carries traffic either. With a link everything above it goes, which is why those above are made anew, too.
 */
export function planLinks(present: readonly PresentLink[], wanted: readonly LinkSpec[]): LinkPlan {
  const there = new Map(present.map((link) => [link.name, link]));
  const steps: { link: string; line: string }[] = [];
  const add = (link: string, ...lines: readonly string[]): void => {
    for (const line of lines) steps.push({ link, line });
  };
  const problems = new Map<string, string>();
  const fresh = new Set<string>();
  const remove = (name: string): void => {
    add(name, `link del dev ${name}`);
    there.delete(name);
    fresh.add(name);
    for (const link of there.values())
      if (link.master === name) there.set(link.name, { ...link, master: "" });
  };
  // What is above goes first: it would be gone with what is below.
  const isVlan = ({ alias }: PresentLink): number => (alias.startsWith(`${aliasStart}vlan`) ? 0 : 1);
  for (const { name, alias } of present.toSorted((left, right) => isVlan(left) - isVlan(right))) {
    const wish = wanted.find((link) => link.name === name);
    if (alias.startsWith(aliasStart) && (wish === undefined || alias !== aliasOf(wish))) remove(name);
  }
  for (const link of wanted) {
    const { name } = link;
    // The kernel has taken it with the link below.
    if (link.kind === "vlan" && fresh.has(link.lower)) there.delete(name);
    const now = there.get(name);
    const problem = problemOf(link, now, there, problems);
    if (problem !== undefined) {
      problems.set(name, problem);
      continue;
    }
    if (now === undefined) {
      add(name, ...made(link));
      there.set(name, { name, alias: aliasOf(link), master: "" });
      fresh.add(name);
    }
    if (link.kind === "bond") add(name, ...joined(link, there));
    add(name, `link set dev ${link.kind === "vlan" ? link.lower : name} up`);
  }
  return { steps, problems };
}

function problemOf(
  link: LinkSpec,
  now: PresentLink | undefined,
  there: ReadonlyMap<string, PresentLink>,
  problems: ReadonlyMap<string, string>,
): string | undefined {
  if (now !== undefined && now.alias !== aliasOf(link))
    return `${link.name} is there already and is none of ours: call the ${link.kind} otherwise`;
  if (link.kind === "vlan")
    return problems.get(link.lower) ?? (there.has(link.lower) ? undefined : `there is no card ${link.lower}`);
  const cards = link.members.map(({ card }) => card);
  return cards.some((card) => there.has(card)) ? undefined : `there is none of its cards ${cards.join(", ")}`;
}

/** A card that is not there yet joins when it comes. */
function joined({ name, members }: BondSpec, there: ReadonlyMap<string, PresentLink>): string[] {
  const cards = members.map(({ card }) => card);
  const leave = [...there.values()].filter((link) => link.master === name && !cards.includes(link.name));
  const join = cards.filter((card) => there.has(card) && there.get(card)?.master !== name);
  return [
    ...leave.map((link) => `link set dev ${link.name} nomaster`),
    // A bond takes in cards that are down, and without addresses of their own.
    ...join.flatMap((card) => [
      `addr flush dev ${card}`,
      `link set dev ${card} down`,
      `link set dev ${card} master ${name}`,
    ]),
  ];
}

function made(link: LinkSpec): string[] {
  const { name } = link;
  const alias = `link set dev ${name} alias "${aliasOf(link)}"`;
  if (link.kind === "vlan")
    return [`link add link ${link.lower} name ${name} type vlan id ${link.tag}`, alias];
  return [`link add name ${name} type bond ${bondOptions(link)}`, alias];
}

function bondOptions({ mode, watch, lacpRate }: BondSpec): string {
  const watched =
    watch.kind === "arp"
      ? `arp_interval ${watch.everyMs} arp_ip_target ${watch.targets.join(",")}`
      : `miimon ${watch.everyMs} updelay ${watch.upDelayMs} downdelay ${watch.downDelayMs}`;
  return `mode ${mode} ${watched}${mode === "802.3ad" ? ` lacp_rate ${lacpRate}` : ""}`;
}

/** Everything but the members, who come and go while it works. */
function aliasOf(link: LinkSpec): string {
  const what = link.kind === "vlan" ? `vlan ${link.lower} ${link.tag}` : `bond ${bondOptions(link)}`;
  return `${aliasStart}${what}`;
}
