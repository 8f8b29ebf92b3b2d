import { isWithin } from "../address.ts";

/**
 * Lines for `conntrack -R` that forget flows which left by another card than their routes have it now. What they
 * were given on their way, an address of that card, nobody answers by the new one; forgotten, what is still said
 * is taken for new, given the new card's address, and refused by who does not know it, so that it is said anew.
 * `cards` are the node's own, with their addresses. Pure.
 */
export function forgetLines(
  listing: string,
  family: "ipv4" | "ipv6",
  routes: readonly string[],
  cards: ReadonlyMap<string, readonly string[]>,
): string[] {
  const ways = routes.flatMap((route) => {
    const [, to = "", card] = /^(\S+) .*?\bdev (\S+)/.exec(route) ?? [];
    return card === undefined || to === "unreachable" ? [] : [{ to, card }];
  });
  const holder = new Map([...cards].flatMap(([card, some]) => some.map((address) => [address, card])));
  const lines = listing.split("\n").flatMap((line) => {
    const [there, back] = [...line.matchAll(/src=(\S+) dst=(\S+)/g)];
    const [from = "", to = "", answerer = "", as = ""] = [there?.[1], there?.[2], back?.[1], back?.[2]];
    const left = holder.get(as);
    if (from === "" || as === from || left === undefined) return [];
    const leaves = wayTo(answerer, ways);
    return leaves === undefined || leaves === left ? [] : [`-D -f ${family} -s ${from} -d ${to} -q ${as}`];
  });
  return [...new Set(lines)];
}

interface WayTo {
  readonly to: string;
  readonly card: string;
}

/** The most precise one counts. */
function wayTo(address: string, ways: readonly WayTo[]): string | undefined {
  const length = ({ to }: WayTo): number => (to === "default" ? -1 : Number(to.split("/")[1] ?? 128));
  return ways
    .filter(({ to }) => to === "default" || isWithin(address, to))
    .toSorted((left, right) => length(right) - length(left))[0]?.card;
}
