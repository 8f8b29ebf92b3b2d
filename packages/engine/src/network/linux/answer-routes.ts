import type { AnswerWay } from "../answer-plan.ts";
import { list, run } from "./run.ts";

interface Rule {
  readonly priority: number;
  readonly fwmark?: string;
  readonly table?: string;
}

interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/** Before the tables of networks. */
const priority = 7699;

/** Packets with a mark leave by its card. */
export async function applyAnswerRoutes(wanted: readonly AnswerWay[]): Promise<void> {
  for (const [family, which] of [
    ["ip", "-4"],
    ["ip6", "-6"],
  ] as const) {
    const ways = wanted.filter((way) => way.family === family);
    const shown = await list<Rule>("ip", ["-j", which, "rule", "show"]).catch((error): Rule[] => {
      if (ways.length > 0) throw error;
      return [];
    });
    const ours = shown.filter((rule) => rule.priority === priority);
    if (ways.length === 0 && ours.length === 0) continue;
    const main =
      ways.length === 0 ? [] : await list<Route>("ip", ["-j", which, "route", "show", "table", "main"]);
    const lines: string[] = [];
    for (const { card, table } of ways) {
      const mine = routesOf(main, card);
      // The table is not there before its first route.
      const show = ["-j", which, "route", "show", "table", `${table}`];
      const now = await list<Route>("ip", show).catch((): Route[] => []);
      if (routesOf(now, card).join("\n") === mine.join("\n")) continue;
      lines.push(`route flush table ${table}`, ...mine.map((line) => `route add ${line} table ${table}`));
    }
    for (const { mark, table } of ways)
      if (!ours.some((rule) => Number(rule.fwmark) === mark && rule.table === `${table}`))
        lines.push(`rule add priority ${priority} fwmark ${mark} table ${table}`);
    for (const { fwmark = "", table = "" } of ours)
      if (!ways.some((way) => way.mark === Number(fwmark) && `${way.table}` === table))
        lines.push(
          `rule del priority ${priority} fwmark ${fwmark} table ${table}`,
          `route flush table ${table}`,
        );
    if (lines.length > 0) await run("ip", [which, "-batch", "-"], lines.join("\n"));
  }
}

/** Neighbours on the card, and who leads on from it. */
function routesOf(routes: readonly Route[], card: string): string[] {
  const lines = routes.flatMap(({ dst, gateway, dev }) => {
    if (dev !== card || dst === "fe80::/64" || (gateway !== undefined && dst !== "default")) return [];
    return [`${dst}${gateway === undefined ? "" : ` via ${gateway}`} dev ${card}`];
  });
  // Neighbours first: whom a way leads to must be one.
  return [...new Set(lines)].sort();
}
