import { list, run } from "./run.ts";

interface Address {
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
}

interface Route {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly metric?: number;
  readonly table?: string;
}

/**
 * What one link speaks with, another does from now on: addresses and the ways out by them. Between the two the
 * node is silent for as long as the kernel takes for a few lines.
 */
export async function moveAddresses(from: string, to: string): Promise<void> {
  const [shown] = await list<{ addr_info?: Address[] }>("ip", ["-j", "addr", "show", "dev", from]);
  const addresses = (shown?.addr_info ?? []).filter(({ scope }) => scope === "global");
  // Read before anything moves: with its address a way out is gone.
  const routes = await Promise.all(["-4", "-6"].map((family) => routeLines(family, from, to)));
  await batch(
    [],
    addresses.flatMap(({ local, prefixlen, family }) => [
      `addr del ${local}/${prefixlen} dev ${from}`,
      // Nobody else has it: it was the node's a moment ago.
      `addr add ${local}/${prefixlen} dev ${to}${family === "inet6" ? " nodad" : ""}`,
    ]),
  );
  for (const [at, lines] of routes.entries()) await batch([at === 0 ? "-4" : "-6"], lines);
}

async function routeLines(family: string, from: string, to: string): Promise<string[]> {
  const args = ["-j", family, "route", "show", "table", "all", "dev", from];
  return (await list<Route>("ip", args)).flatMap((route) => {
    const { type = "unicast", dst, gateway, metric, table = "main" } = route;
    // What has no gateway comes and goes with the address.
    if (type !== "unicast" || gateway === undefined) return [];
    const cost = metric === undefined ? "" : ` metric ${metric}`;
    return [`route replace ${dst} via ${gateway} dev ${to}${cost} table ${table}`];
  });
}

async function batch(family: readonly string[], lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run("ip", [...family, "-batch", "-"], lines.join("\n"));
}
