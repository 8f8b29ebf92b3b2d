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

async function sourceRoutes(family: "-4" | "-6", ways: readonly Way[]): Promise<void> {
  const all = await list<{ priority: number; src?: string; table?: string }>("ip", [
    ...["-j", family, "rule", "show"],
  ]);
  const rules = all.filter(({ priority }) => priority === rulePriority);
  const wanted = ways.flatMap(({ addresses }, at) =>
    addresses.map((src) => ({ src, table: `${firstTable + at}` })),
  );
  const rule = (what: string, src: string, table: string): Promise<string> =>
    run("ip", [family, "rule", what, "priority", `${rulePriority}`, "from", src, "lookup", table]);
  for (const [at, { card, gateway }] of ways.entries()) {
    const table = `${firstTable + at}`;
    await run("ip", [
      ...[family, "route", "replace", "default", "via", gateway, "dev", card],
      ...["table", table],
    ]);
  }
  for (const { src, table } of wanted)
    if (!rules.some((it) => it.src === src && it.table === table)) await rule("add", src, table);
  for (const { src = "", table = "" } of rules)
    if (!wanted.some((it) => it.src === src && it.table === table)) await rule("del", src, table);
}
