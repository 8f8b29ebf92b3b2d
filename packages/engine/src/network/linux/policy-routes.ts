import { type Family, isWithin } from "../address.ts";
import type { PolicyRoutes } from "../network-driver.ts";
import { list, run } from "./run.ts";
import { forgetLines } from "./stranded-flows.ts";

interface Rule {
  readonly priority: number;
  readonly iif?: string;
  readonly table?: string;
}

interface Route {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly metric?: number;
  readonly scope?: string;
  readonly flags?: readonly string[];
}

/** Before the node's own table, after the kernel's. */
const priority = 7700;

/** Each network that is not content with the node's own table has one of its own, asked first. */
export async function applyPolicyRoutes(prefix: string, wanted: readonly PolicyRoutes[]): Promise<void> {
  for (const family of ["ip", "ip6"] as const)
    await applyFamily(
      prefix,
      family,
      wanted.filter((it) => it.family === family),
    );
}

async function applyFamily(prefix: string, family: Family, wanted: readonly PolicyRoutes[]): Promise<void> {
  const only = family === "ip" ? "-4" : "-6";
  const ours = new RegExp(`^${prefix}b\\d+$`);
  // A kernel without the family has nothing of ours.
  const shown = await list<Rule>("ip", ["-j", only, "rule", "show"]).catch((error): Rule[] => {
    if (wanted.length > 0) throw error;
    return [];
  });
  const rules = shown.filter((rule) => rule.priority === priority && ours.test(rule.iif ?? ""));
  for (const { iif = "", table = "" } of rules) {
    if (wanted.some((it) => it.bridge === iif && `${it.table}` === table)) continue;
    await run("ip", [only, "rule", "del", "priority", `${priority}`, "iif", iif, "table", table]);
    await run("ip", [only, "route", "flush", "table", table]).catch(() => "");
  }
  if (wanted.length === 0) return;
  const main = await list<Route>("ip", ["-j", only, "route", "show", "table", "main"]);
  for (const item of wanted) {
    const table = `${item.table}`;
    const lines = routeLines(item, main);
    // The table is not there before its first route.
    const show = ["-j", only, "route", "show", "table", table];
    const now = await list<Route>("ip", show).catch((): Route[] => []);
    if (now.map(lineOf).sort().join("\n") !== lines.toSorted().join("\n"))
      await run(
        "ip",
        [only, "-batch", "-"],
        [`route flush table ${table}`, ...lines.map((line) => `route add ${line} table ${table}`)].join("\n"),
      );
    if (!rules.some(({ iif, table: of }) => iif === item.bridge && of === table))
      await run("ip", [only, "rule", "add", "priority", `${priority}`, "iif", item.bridge, "table", table]);
    await forgetStranded(prefix, item, lines);
  }
}

/** What apps have open by a card that is no longer their way ends; with another address it cannot go on. */
async function forgetStranded(prefix: string, item: PolicyRoutes, lines: readonly string[]): Promise<void> {
  const subnet = item.subnets.find(({ bridge }) => bridge === item.bridge)?.subnet;
  if (subnet === undefined) return;
  const family = item.family === "ip" ? "ipv4" : "ipv6";
  const [flows, shown] = await Promise.all([
    run("conntrack", ["-L", "-f", family, "-s", subnet]),
    list<{ ifname: string; addr_info?: readonly { local: string }[] }>("ip", ["-j", "addr", "show"]),
  ]);
  const cards = new Map(
    shown
      .filter(({ ifname }) => !new RegExp(`^${prefix}(b\\d+|t\\d+n\\d+)$`).test(ifname))
      .map(({ ifname, addr_info = [] }) => [ifname, addr_info.map(({ local }) => local)]),
  );
  const forget = forgetLines(flows, family, lines, cards);
  // It opens what it reads by name, which the end of a socket does not have.
  if (forget.length > 0) await run("sh", ["-c", "cat | conntrack -R -"], `${forget.join("\n")}\n`);
}

/** The routes a network's table is to have, given the node's own. Pure. */
function routeLines(item: PolicyRoutes, main: readonly Route[]): string[] {
  const up = main.filter(({ flags = [] }) => !flags.includes("linkdown") && !flags.includes("dead"));
  const through = (cards: readonly string[] | undefined): Route | undefined => {
    const defaults = up.filter(({ dst }) => dst === "default");
    if (cards === undefined) return defaults[0];
    for (const card of cards) {
      const found = defaults.find(({ dev }) => dev === card);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  /** The first of those cards on whose own network somebody is. */
  const beside = (whom: string, cards: readonly string[] | undefined): string | undefined => {
    const near = up.flatMap(({ dst, dev = "", gateway }) =>
      whom !== "" && gateway === undefined && dst !== "default" && isWithin(whom, dst) ? [dev] : [],
    );
    return cards === undefined ? near[0] : cards.find((card) => near.includes(card));
  };
  const lines = new Map<string, string>();
  const add = (destination: string, rest: string): void => {
    const all = destination === "0.0.0.0/0" || destination === "::/0";
    const dst = all ? "default" : destination.replace(item.family === "ip" ? /\/32$/ : /\/128$/, "");
    if (!lines.has(dst)) lines.set(dst, `${dst} ${rest}`);
  };
  for (const { subnet, bridge } of item.subnets) add(subnet, `dev ${bridge}`);
  for (const { destination, gateway, interfaces } of item.statics) {
    if (interfaces?.length === 1 && interfaces[0] === item.bridge) {
      add(destination, `via ${gateway} dev ${item.bridge}`);
      continue;
    }
    const way = through(interfaces);
    const dev = beside(gateway, interfaces) ?? way?.dev ?? interfaces?.[0];
    const via = gateway || way?.gateway;
    if (dev !== undefined && via !== undefined) add(destination, `via ${via} dev ${dev}`);
  }
  const { interfaces } = item;
  // Within a link nobody is routed.
  for (const { dst, dev, gateway } of up) {
    if (dst === "default" || dst === "fe80::/64" || dev === undefined) continue;
    if (interfaces === undefined) add(dst, `${gateway === undefined ? "" : `via ${gateway} `}dev ${dev}`);
    else if (gateway === undefined && interfaces.includes(dev)) add(dst, `dev ${dev}`);
  }
  const out = through(interfaces);
  if (out?.gateway !== undefined) add("default", `via ${out.gateway} dev ${out.dev}`);
  else if (out?.dev !== undefined) add("default", `dev ${out.dev}`);
  // Nothing of it may leave by a port that is not the network's.
  else if (!lines.has("default")) lines.set("default", "unreachable default");
  return [...lines.values()];
}

function lineOf({ type = "unicast", dst, gateway, dev }: Route): string {
  if (type !== "unicast") return `${type} ${dst}`;
  return `${dst}${gateway === undefined ? "" : ` via ${gateway}`} dev ${dev ?? ""}`;
}
