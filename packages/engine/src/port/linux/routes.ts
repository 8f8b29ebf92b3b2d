import { list, run } from "../../network/linux/run.ts";

/** A way out by a card. */
export interface Way {
  readonly card: string;
  readonly gateway: string;
  readonly metric: number;
  /** The card's own, without prefix length. */
  readonly addresses: readonly string[];
}

export interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly metric?: number;
}

/** Of tables in which what comes from a card's address leaves by that card, whatever the cheapest is. */
const firstTable = 7600;
const rulePriority = 7600;
/** Before them: neighbours are spoken to without a gateway, so what main says of less than everything counts. */
const nearPriority = 7599;

/** Default routes of one family. `cards` are ours: other routes of theirs go, those of other cards stay. */
export async function applyRoutes(
  family: "-4" | "-6",
  ways: readonly Way[],
  cards: readonly string[],
): Promise<void> {
  const now = await list<Route>("ip", ["-j", family, "route", "show", "default"]);
  // The new ones first: there is a way out at every moment.
  for (const { card, gateway, metric } of ways)
    await run("ip", [
      ...[family, "route", "replace", "default", "via", gateway, "dev", card],
      ...["metric", `${metric}`],
    ]);
  for (const { dev = "", gateway = "", metric = 0 } of now) {
    const way = ways.find(({ card }) => card === dev);
    if (!cards.includes(dev) || (way?.gateway === gateway && way.metric === metric)) continue;
    const via = gateway === "" ? [] : ["via", gateway];
    await run("ip", [family, "route", "del", "default", ...via, "dev", dev, "metric", `${metric}`]).catch(
      () => "",
    );
  }
  await sourceRoutes(family, ways);
}

interface Rule {
  readonly priority: number;
  readonly src: string;
  readonly table: string;
}

async function sourceRoutes(family: "-4" | "-6", ways: readonly Way[]): Promise<void> {
  const all = await list<Partial<Rule>>("ip", ["-j", family, "rule", "show"]);
  const ours = [nearPriority, rulePriority];
  const rules = all.flatMap(({ priority = 0, src = "", table = "" }) =>
    ours.includes(priority) ? [{ priority, src, table }] : [],
  );
  const wanted = ways.flatMap(({ addresses }, at) =>
    addresses.flatMap((src) => [
      { priority: nearPriority, src, table: "main" },
      { priority: rulePriority, src, table: `${firstTable + at}` },
    ]),
  );
  for (const [at, { card, gateway }] of ways.entries()) {
    const table = `${firstTable + at}`;
    await run("ip", [
      ...[family, "route", "replace", "default", "via", gateway, "dev", card],
      ...["table", table],
    ]);
  }
  const among = (some: readonly Rule[], { priority, src, table }: Rule): boolean =>
    some.some((it) => it.priority === priority && it.src === src && it.table === table);
  for (const rule of wanted) if (!among(rules, rule)) await changeRule(family, "add", rule);
  for (const rule of rules) if (!among(wanted, rule)) await changeRule(family, "del", rule);
}

async function changeRule(family: string, what: "add" | "del", rule: Rule): Promise<void> {
  const { priority, src, table } = rule;
  const onlyNear = priority === nearPriority ? ["suppress_prefixlength", "0"] : [];
  const words = ["priority", `${priority}`, "from", src, "lookup", table, ...onlyNear];
  await run("ip", [family, "rule", what, ...words]);
}
