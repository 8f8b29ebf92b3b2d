import { readdir, writeFile } from "node:fs/promises";
import { ignoreMissing, readText } from "./run.ts";

const tree = "/proc/sys/net/ipv6/conf";

/**
 * A node with networks of IPv6 routes it. To a kernel that is a router, which believes no other any more: cards
 * that took their own way out from one go on doing so.
 */
export async function routeIpv6(prefix: string): Promise<void> {
  if ((await readText(`${tree}/all/forwarding`))?.trim() !== "0") return;
  for (const card of await readdir(tree)) {
    if (card.startsWith(prefix)) continue;
    if ((await readText(`${tree}/${card}/accept_ra`))?.trim() === "1") await set(card, "accept_ra", 2);
  }
  await set("all", "forwarding", 1);
}

/** Whether a bridge speaks it; as the router that it then is, it asks no other and looks for nobody like it. */
export async function speakIpv6(bridge: string, speaks: boolean): Promise<void> {
  if (speaks) for (const name of ["accept_ra", "accept_dad"]) await set(bridge, name, 0);
  const now = (await readText(`${tree}/${bridge}/disable_ipv6`))?.trim();
  const wanted = speaks ? "0" : "1";
  if (now !== undefined && now !== wanted) await set(bridge, "disable_ipv6", Number(wanted));
}

/** Addresses and routes, without what counts and times them. */
export async function lookAtIpv6(): Promise<string> {
  const [addresses = "", routes = ""] = await Promise.all(
    ["if_inet6", "ipv6_route"].map((name) => readText(`/proc/net/${name}`)),
  );
  const columns = (text: string, wanted: readonly number[]): string[] =>
    text.split("\n").map((line) => {
      const cells = line.trim().split(/\s+/);
      return wanted.map((at) => cells[at] ?? "").join(" ");
    });
  return [...columns(addresses, [0, 2, 5]), ...columns(routes, [0, 1, 4, 5, 9])].sort().join("\n");
}

/** A kernel may have been built or started without the family. */
async function set(card: string, name: string, value: number): Promise<void> {
  await writeFile(`${tree}/${card}/${name}`, `${value}`).catch(ignoreMissing);
}
