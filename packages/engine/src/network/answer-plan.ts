/**
 * What an app answers to who asked it at a port of the node leaves by the card he asked at, whichever its network's
 * ways take: by another one it would have an address that nobody knows there. Pure.
 */
import type { PortSpec } from "../desired.ts";
import { type Family, familyOf } from "./address.ts";

/** The way of answers by one card. */
export interface AnswerWay {
  readonly family: Family;
  readonly card: string;
  readonly addresses: readonly string[];
  /** Packets that take it carry this. */
  readonly mark: number;
  readonly table: number;
}

/** Marks and tables of the kernel are numbers; these are ours. */
const firstMark = 0x7e00;
const firstTable = 7800;

/** `families` are those in which ports of the node lead to apps. None where there is no other card. */
export function answerWays(
  ports: readonly PortSpec[],
  addresses: ReadonlyMap<string, readonly string[]>,
  families: ReadonlySet<Family>,
): AnswerWay[] {
  return [...families].flatMap((family) => {
    const ways = ports.flatMap(({ interface: card }, at): AnswerWay[] => {
      const own = (addresses.get(card) ?? []).filter((it) => familyOf(it) === family);
      if (own.length === 0) return [];
      return [{ family, card, addresses: own, mark: firstMark + at, table: firstTable + at }];
    });
    return ways.length < 2 ? [] : ways;
  });
}

/** A chain of the node's table. Who asks from one of `subnets` is an app himself, and is answered at home. */
export function answerChain(prefix: string, ways: readonly AnswerWay[], subnets: readonly string[]): string {
  const lines = (["ip", "ip6"] as const).flatMap((family) => {
    const some = ways.filter((way) => way.family === family);
    const elements = some.flatMap(({ addresses, mark }) => addresses.map((it) => `${it} : ${mark}`));
    if (elements.length === 0) return [];
    const apps = subnets.filter((it) => familyOf(it) === family).join(", ");
    const asker = `ct original ${family} saddr != { ${apps} }`;
    const asked = `ct original ${family} daddr map { ${elements.join(", ")} }`;
    return [`    iifname "${prefix}b*" ct direction reply ${asker} meta mark set ${asked}\n`];
  });
  if (lines.length === 0) return "";
  return `  chain answers {
    type filter hook prerouting priority mangle; policy accept;
${lines.join("")}  }
`;
}
