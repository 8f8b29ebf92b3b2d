import { createHash } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LinkCounters } from "../../observed.ts";
import { familyOf, networkOf } from "../address.ts";
import { carryOver, type NftListing, tableDigest } from "../carry-over.ts";
import type { BridgeItem, NetworkDriver, NetworkItems, NodeCard, TapItem } from "../network-driver.ts";
import { usualMtu } from "../network-mtu.ts";
import { seenPrefix } from "../plug-rules.ts";
import { tableNames } from "../ruleset.ts";
import { loops } from "../switch-plan.ts";
import { applyAnswerRoutes } from "./answer-routes.ts";
import { lookAtIpv6, routeIpv6, speakIpv6 } from "./ipv6.ts";
import { moveAddresses } from "./move-addresses.ts";
import { applyPolicyRoutes } from "./policy-routes.ts";
import { applyResolvers, lookAtResolvers } from "./resolvers.ts";
import { ignoreMissing, list, readText, run } from "./run.ts";
import { applySwitches, findLoops } from "./switches.ts";

export interface LinuxNetworkOptions {
  readonly prefix: string;
  /** Where the configurations of our resolvers are kept. */
  readonly folder: string;
}

interface Link {
  readonly ifname: string;
  readonly address?: string;
  readonly master?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly stats64?: Readonly<Record<"rx" | "tx", LinkStats>>;
}

interface Address {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
}

type LinkStats = Readonly<Record<"bytes" | "packets" | "errors" | "dropped", number>>;

/** Bridges, taps, routes, nftables and dnsmasq in the network namespace this process runs in. */
export class LinuxNetworkDriver implements NetworkDriver {
  readonly #prefix: string;
  readonly #folder: string;

  constructor(options: LinuxNetworkOptions) {
    this.#prefix = options.prefix;
    this.#folder = options.folder;
  }

  async apply(items: NetworkItems, signal: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    if (items.bridges.some(({ address }) => isIpv6(address))) await routeIpv6(this.#prefix);
    // Where a kernel shows frames of bridges to the routing, it takes what an app says to a service or a port of
    // the node straight to the app that answers, past all that stands between the two.
    await writeFile("/proc/sys/net/bridge/bridge-nf-call-iptables", "0").catch(ignoreMissing);
    // Flows are told with what went through them and since when.
    for (const name of ["acct", "timestamp"])
      await writeFile(`/proc/sys/net/netfilter/nf_conntrack_${name}`, "1").catch(ignoreMissing);
    // The rules come first: no plug exists for a moment without them.
    await this.#rules(items.ruleset);
    signal.throwIfAborted();
    const all = await list<Link>("ip", ["-j", "link", "show"]);
    const ours = this.#ours;
    const links = new Map(all.map((link) => [link.ifname, link]));
    const wanted = new Set([...items.bridges, ...items.taps].map(({ name }) => name));
    for (const name of links.keys())
      if (ours.test(name) && !wanted.has(name)) await this.#remove(name, links);
    for (const bridge of items.bridges) await this.#bridge(bridge, links);
    // As udev's own rules have it: a plug opens for the user it belongs to, and for nobody else, whoever
    // holds this.
    if (items.taps.length > 0) await chmod("/dev/net/tun", 0o666);
    for (const tap of items.taps) await this.#tap(tap, links.get(tap.name));
    await applySwitches(items.switches);
    await applyPolicyRoutes(this.#prefix, items.routes);
    await applyAnswerRoutes(items.answers);
    await applyResolvers(this.#prefix, this.#folder, items.resolvers);
  }

  /** Takes away everything that carries our names. */
  async down(): Promise<void> {
    await applyResolvers(this.#prefix, this.#folder, []);
    await applyPolicyRoutes(this.#prefix, []);
    await applyAnswerRoutes([]);
    const links = await list<Link>("ip", ["-j", "link", "show"]);
    for (const { ifname } of links)
      if (this.#ours.test(ifname))
        await this.#remove(ifname, new Map(links.map((link) => [link.ifname, link])));
    for (const [family, table] of tableNames(this.#prefix))
      await run("nft", ["-f", "-"], `table ${family} ${table}\ndelete table ${family} ${table}\n`);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async look(): Promise<string> {
    const [links = "", routes = "", addresses = ""] = await Promise.all(
      ["dev", "route", "fib_trie"].map((name) => readText(`/proc/net/${name}`)),
    );
    const names = [...links.matchAll(/^ *([^\s:]+):/gm)].map(([, name]) => name).sort();
    const tables = await run("nft", ["-j", "list", "tables"]);
    const ours = tableNames(this.#prefix).map(([, name]) => tables.includes(`"${name}"`));
    const [six, resolvers] = await Promise.all([lookAtIpv6(), lookAtResolvers(this.#folder)]);
    const seen = [names, routes, addresses, six, ours, resolvers];
    return createHash("sha256").update(JSON.stringify(seen)).digest("hex");
  }

  async counters(): Promise<ReadonlyMap<string, LinkCounters>> {
    const [links, listings] = await Promise.all([
      list<Link>("ip", ["-j", "-s", "link", "show"]),
      this.#listings(),
    ]);
    const packets = new Map<string, number>();
    for (const { nftables } of listings)
      for (const { counter } of nftables) if (counter) packets.set(counter.name, counter.packets);
    const counters = new Map<string, LinkCounters>();
    for (const { ifname, stats64 } of links) {
      if (stats64 === undefined || ifname === "lo" || (this.#ours.test(ifname) && !this.#isTap(ifname)))
        continue;
      const counted = (kind: string): bigint => BigInt(packets.get(`${ifname}_${kind}`) ?? 0);
      // A plug's other end is the app's: what the node takes in, the app has sent.
      const [got, sent] = this.#isTap(ifname) ? [stats64.tx, stats64.rx] : [stats64.rx, stats64.tx];
      counters.set(ifname, {
        ...{ rxBytes: BigInt(got.bytes), txBytes: BigInt(sent.bytes) },
        ...{ rxPackets: BigInt(got.packets), txPackets: BigInt(sent.packets) },
        ...{ rxDrops: BigInt(got.dropped), txDrops: BigInt(sent.dropped) },
        ...{ rxErrors: BigInt(got.errors), txErrors: BigInt(sent.errors) },
        ...{ rxDenied: counted("in_denied"), txDenied: counted("out_denied") },
        ...{ rxLimited: counted("in_limited"), txLimited: counted("out_limited") },
      });
    }
    return counters;
  }

  async addresses(): Promise<ReadonlyMap<string, readonly string[]>> {
    return new Map(
      (await this.#own()).flatMap(({ ifname, addr_info = [] }) => {
        const addresses = addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local);
        return addresses.length === 0 ? [] : [[ifname, addresses]];
      }),
    );
  }

  async cards(): Promise<ReadonlyMap<string, NodeCard>> {
    return new Map(
      (await this.#own()).map(({ ifname, mtu = usualMtu, addr_info = [] }) => {
        const networks = addr_info
          .filter(({ scope }) => scope === "global")
          .map(({ local, prefixlen }) => networkOf(local, prefixlen));
        return [ifname, { mtu, networks: [...new Set(networks)] }];
      }),
    );
  }

  /** The node's cards, and bridges that speak for one. */
  async #own(): Promise<readonly (Link & { readonly addr_info?: readonly Address[] })[]> {
    const shown = await list<Link & { readonly addr_info?: readonly Address[] }>("ip", [
      "-j",
      "addr",
      "show",
    ]);
    return shown.filter(({ ifname }) => !this.#ours.test(ifname) || this.#isShared(ifname));
  }

  async seen(): Promise<ReadonlyMap<string, readonly string[]>> {
    const sets = (await this.#listings()).flatMap(({ nftables }) => nftables.flatMap(({ set }) => set ?? []));
    return new Map(
      sets
        .filter(({ name }) => name.startsWith(seenPrefix))
        .map(({ name, elem = [] }) => [name.slice(seenPrefix.length), elem.flatMap(seenAddress)]),
    );
  }

  get #ours(): RegExp {
    return new RegExp(`^${this.#prefix}([bu]\\d+|t\\d+n\\d+)$`);
  }

  #isTap(name: string): boolean {
    return this.#ours.test(name) && name[this.#prefix.length] === "t";
  }

  /** A bridge that speaks for a card of the node. */
  #isShared(name: string): boolean {
    return this.#ours.test(name) && name[this.#prefix.length] === "u";
  }

  /** What the node spoke with by it, the card in it speaks with again. */
  async #remove(name: string, links: ReadonlyMap<string, Link>): Promise<void> {
    if (this.#isShared(name))
      for (const { ifname, master } of links.values()) {
        if (master !== name || this.#ours.test(ifname)) continue;
        await run("ip", ["link", "set", "dev", ifname, "nomaster"]);
        await moveAddresses(name, ifname);
      }
    await run("ip", ["link", "del", "dev", name]);
  }

  /** Replaced in one transaction when they differ; what was counted and learned is carried over. */
  async #rules(ruleset: string): Promise<void> {
    const digest = createHash("sha256").update(ruleset).digest("hex").slice(0, 32);
    const listings = await this.#listings();
    if (listings.length > 0 && listings.every((listing) => tableDigest(listing) === digest)) return;
    await run("nft", ["-f", "-"], carryOver(ruleset, digest, listings));
    await this.#rejudge(ruleset);
  }

  /** Of those of our tables that are there. */
  async #listings(): Promise<readonly NftListing[]> {
    const { nftables } = JSON.parse(await run("nft", ["-j", "list", "tables"])) as NftListing;
    const tables = tableNames(this.#prefix);
    const there = tables.filter(([family, name]) =>
      nftables.some(({ table }) => table?.family === family && table.name === name),
    );
    if (there.length < tables.length) return [];
    return await Promise.all(
      there.map(
        async ([family, name]): Promise<NftListing> =>
          JSON.parse(await run("nft", ["-j", "list", "table", family, name])),
      ),
    );
  }

  /** Connections that a list let through before are judged again by the one it is now. */
  async #rejudge(ruleset: string): Promise<void> {
    const file = join(this.#folder, "lists.json");
    const before = JSON.parse((await readText(file)) ?? "{}") as Record<string, string>;
    const after = listDigests(ruleset);
    for (const [address, digest] of Object.entries(before)) {
      if (after[address] === digest) continue;
      // It fails when there was nothing to forget.
      const family = isIpv6(address) ? "ipv6" : "ipv4";
      for (const side of ["-s", "-d", "-r"])
        await run("conntrack", ["-D", "-f", family, side, address]).catch(() => "");
    }
    await writeFile(file, JSON.stringify(after));
  }

  async #bridge(item: BridgeItem, links: ReadonlyMap<string, Link>): Promise<void> {
    const { name, address, mtu, members, carries = "" } = item;
    const mac = links.get(carries)?.address ?? item.mac;
    const link = links.get(name);
    if (link === undefined) await run("ip", ["link", "add", "name", name, "address", mac, "type", "bridge"]);
    if (carries === "" || link === undefined) await speakIpv6(name, carries !== "" || isIpv6(address));
    // Plugs are kept apart below, so the node answers for each of them to the others.
    const proxy = `/proc/sys/net/ipv4/conf/${name}/proxy_arp_pvlan`;
    await writeFile(proxy, address === undefined || isIpv6(address) ? "0" : "1");
    // By itself Linux lets who asks for another wait for most of a second.
    await writeFile(`/proc/sys/net/ipv4/neigh/${name}/proxy_delay`, "0");
    if (carries === "") await this.#address(name, address);
    if (link?.mtu !== mtu) await run("ip", ["link", "set", "dev", name, "mtu", `${mtu}`]);
    for (const { ifname, master } of links.values())
      if (master === name && !this.#ours.test(ifname) && !members.includes(ifname))
        await run("ip", ["link", "set", "dev", ifname, "nomaster"]);
    if (address === undefined) await findLoops(name, loops(members));
    for (const member of members) {
      const card = links.get(member);
      // A card that is not there yet is taken in when it comes.
      if (card === undefined) continue;
      if (card.master !== name) {
        await run("ip", ["link", "set", "dev", member, "master", name]);
        if (member === carries) {
          await run("ip", ["link", "set", "dev", name, "up"]);
          await moveAddresses(member, name);
        }
      }
      if (!card.flags?.includes("UP")) await run("ip", ["link", "set", "dev", member, "up"]);
    }
    if (!link?.flags?.includes("UP")) await run("ip", ["link", "set", "dev", name, "up"]);
  }

  async #address(bridge: string, wanted: string | undefined): Promise<void> {
    const [shown] = await list<{ addr_info?: Address[] }>("ip", ["-j", "addr", "show", "dev", bridge]);
    const present = (shown?.addr_info ?? [])
      .filter(({ scope }) => scope === "global")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    for (const other of present) if (other !== wanted) await run("ip", ["addr", "del", other, "dev", bridge]);
    if (wanted !== undefined && !present.includes(wanted))
      await run("ip", ["addr", "add", wanted, "dev", bridge, ...(isIpv6(wanted) ? ["nodad"] : [])]);
  }

  async #tap({ name, bridge, uid, isolated, mtu }: TapItem, link: Link | undefined): Promise<void> {
    if (link === undefined) await run("ip", ["tuntap", "add", "dev", name, "mode", "tap", "user", `${uid}`]);
    if (link?.mtu !== mtu) await run("ip", ["link", "set", "dev", name, "mtu", `${mtu}`]);
    const moved = link?.master !== bridge;
    if (moved) await run("ip", ["link", "set", "dev", name, "master", bridge]);
    if (!moved && link?.flags?.includes("UP")) return;
    const state = isolated ? "on" : "off";
    await run("ip", ["link", "set", "dev", name, "type", "bridge_slave", "isolated", state]);
    await run("ip", ["link", "set", "dev", name, "up"]);
  }
}

function isIpv6(address: string | undefined): boolean {
  return address !== undefined && familyOf(address) === "ip6";
}

function seenAddress(item: unknown): string[] {
  const { elem } = item as { readonly elem?: { readonly val?: unknown } };
  return typeof elem?.val === "string" ? [elem.val] : [];
}

/** What is said of each plug, by its address. */
function listDigests(ruleset: string): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const [, address = "", tap = ""] of ruleset.matchAll(/\. ([\da-f.:]+) : goto out_(\w+)/g)) {
    const text = (["out", "in"] as const).map((way) => {
      const from = ruleset.indexOf(`chain ${way}_${tap} {`);
      return ruleset.slice(from, ruleset.indexOf("\n  }\n", from));
    });
    digests[address] = createHash("sha256").update(text.join("\n")).digest("hex").slice(0, 16);
  }
  return digests;
}
