import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { ignoreMissing, list, readText, run } from "../../network/linux/run.ts";
import type { CardState, PortDriver, PortWish } from "../port-driver.ts";
import type { ProxySpec } from "../port-spec.ts";
import type { ControllerProbe } from "./controller-probe.ts";
import { leaseScript, parseLease } from "./dhcp-lease.ts";

export interface LinuxPortOptions {
  /** False: only looks. */
  readonly manages: boolean;
  /** For what DHCP tells, and the process that asks. */
  readonly folder: string;
  /** Where programs find name servers. */
  readonly resolvConf: string;
  readonly probe: ControllerProbe;
}

interface Link {
  readonly ifname: string;
  readonly address?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
}

interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly metric?: number;
}

/** How long a card that asks for an address is waited for. */
const dhcpMs = 30_000;
const pollMs = 50;
/** Of tables in which what comes from a card's address leaves by that card, whatever the cheapest is. */
const firstTable = 7600;
const rulePriority = 7600;

/** Cards in the network namespace this process runs in: addresses, routes, DHCP by busybox, name servers. */
export class LinuxPortDriver implements PortDriver {
  readonly manages: boolean;
  readonly #options: LinuxPortOptions;
  readonly #clients = new Map<string, ChildProcess>();
  #wishes: readonly PortWish[] = [];

  constructor(options: LinuxPortOptions) {
    this.#options = options;
    this.manages = options.manages;
  }

  async apply(wishes: readonly PortWish[], signal: AbortSignal): Promise<void> {
    if (!this.manages) return;
    await mkdir(this.#options.folder, { recursive: true });
    for (const card of this.#clients.keys())
      if (!wishes.some((it) => it.interface === card && it.address.kind === "dhcp"))
        await this.#release(card);
    for (const { interface: card } of this.#wishes)
      if (!wishes.some((it) => it.interface === card)) await this.#clear(card);
    this.#wishes = wishes;
    const links = await list<Link>("ip", ["-j", "link", "show"]);
    const there = wishes.filter((it) => links.some(({ ifname }) => ifname === it.interface));
    for (const { interface: card, mtu } of there)
      await run("ip", ["link", "set", "dev", card, "mtu", `${mtu}`, "up"]);
    await Promise.all(there.map((wish) => this.#address(wish, signal)));
    await this.#routes(there);
    await this.#nameServers(there);
  }

  async look(): Promise<ReadonlyMap<string, CardState>> {
    const [links, shown, routes] = await Promise.all([
      list<Link>("ip", ["-j", "link", "show"]),
      list<{ ifname: string; addr_info?: { local: string; prefixlen: number }[] }>("ip", [
        "-j",
        "-4",
        "addr",
        "show",
      ]),
      list<Route>("ip", ["-j", "route", "show", "default"]),
    ]);
    const cards = new Map<string, CardState>();
    for (const { ifname, address = "", mtu = 0, flags = [] } of links) {
      const own = shown.find((it) => it.ifname === ifname)?.addr_info ?? [];
      const wish = this.#wishes.find((it) => it.interface === ifname);
      const told = wish === undefined ? undefined : await this.#told(wish);
      cards.set(ifname, {
        ...{ up: flags.includes("UP") && flags.includes("LOWER_UP"), mac: address, mtu },
        addresses: own.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
        gateway: told?.gateway ?? routes.find(({ dev }) => dev === ifname)?.gateway ?? "",
        dns: told?.dns ?? [],
      });
    }
    return cards;
  }

  async probe(card: string, proxy: ProxySpec | undefined, signal: AbortSignal): Promise<void> {
    const address = (await this.look()).get(card)?.addresses[0]?.replace(/\/.*/, "");
    if (address === undefined) throw new Error("it has no address");
    await this.#options.probe(address, proxy, signal);
  }

  /** Leaves the cards as they are; those who ask for addresses end with us, what they got stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const card of [...this.#clients.keys()]) await this.#release(card);
  }

  async #address(wish: PortWish, signal: AbortSignal): Promise<void> {
    const { interface: card } = wish;
    if (wish.address.kind === "dhcp") await this.#ask(card, signal);
    const told = await this.#told(wish);
    const [shown] = await list<{ addr_info?: { local: string; prefixlen: number }[] }>(
      ...(["ip", ["-j", "-4", "addr", "show", "dev", card]] as const),
    );
    const present = (shown?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    for (const other of present)
      if (other !== told?.address) await run("ip", ["addr", "del", other, "dev", card]);
    if (told !== undefined && !present.includes(told.address))
      await run("ip", ["addr", "add", told.address, "dev", card]);
  }

  /** What the card is to have: as configured, or as its network's DHCP says. */
  async #told({
    interface: card,
    address,
  }: PortWish): Promise<{ address: string; gateway: string; dns: readonly string[] } | undefined> {
    if (address.kind === "static") return address;
    if (address.kind === "none") return undefined;
    return parseLease((await readText(this.#lease(card))) ?? "");
  }

  /** Starts who asks for an address, unless it asks already, and waits for the first answer. */
  async #ask(card: string, signal: AbortSignal): Promise<void> {
    if (!this.#clients.has(card)) {
      const script = join(this.#options.folder, "lease.sh");
      await writeFile(script, leaseScript, { mode: 0o755 });
      await rm(this.#lease(card), { force: true });
      const args = ["udhcpc", "-f", "-i", card, "-s", script, "-t", "5", "-T", "2", "-A", "5"];
      const env = { PATH: process.env["PATH"] ?? "", LEASE: this.#lease(card) };
      const client = spawn("busybox", args, { stdio: "ignore", env });
      client.once("error", () => this.#clients.delete(card));
      client.once("exit", () => {
        if (this.#clients.get(card) === client) this.#clients.delete(card);
      });
      this.#clients.set(card, client);
    }
    for (let waited = 0; waited < dhcpMs; waited += pollMs) {
      signal.throwIfAborted();
      if ((await readText(this.#lease(card))) !== undefined) return;
      await setTimeout(pollMs);
    }
  }

  async #release(card: string): Promise<void> {
    const client = this.#clients.get(card);
    this.#clients.delete(card);
    if (client === undefined || client.exitCode !== null || client.signalCode !== null) return;
    const gone = new Promise((resolve) => client.once("exit", resolve));
    client.kill("SIGTERM");
    await gone;
  }

  /** A card that no port has any more speaks to nobody. */
  async #clear(card: string): Promise<void> {
    await run("ip", ["addr", "flush", "dev", card]).catch(() => "");
  }

  async #routes(wishes: readonly PortWish[]): Promise<void> {
    const now = await list<Route>("ip", ["-j", "route", "show", "default"]);
    const wanted = new Map<string, { gateway: string; metric: number }>();
    for (const wish of wishes) {
      const gateway = (await this.#told(wish))?.gateway ?? "";
      if (gateway !== "") wanted.set(wish.interface, { gateway, metric: wish.metric });
    }
    // The new ones first: there is a way out at every moment.
    for (const [card, { gateway, metric }] of wanted)
      await run("ip", ["route", "replace", "default", "via", gateway, "dev", card, "metric", `${metric}`]);
    for (const { dev = "", gateway = "", metric = 0 } of now) {
      const mine = wishes.some((it) => it.interface === dev);
      const wish = wanted.get(dev);
      if (!mine || (wish?.gateway === gateway && wish.metric === metric)) continue;
      const via = gateway === "" ? [] : ["via", gateway];
      await run("ip", ["route", "del", "default", ...via, "dev", dev, "metric", `${metric}`]).catch(() => "");
    }
    await this.#sourceRoutes(wishes, wanted);
  }

  async #sourceRoutes(
    wishes: readonly PortWish[],
    wanted: ReadonlyMap<string, { gateway: string }>,
  ): Promise<void> {
    const rules = await list<{ priority: number; src?: string; table?: string }>("ip", [
      "-j",
      "rule",
      "show",
    ]);
    for (const { priority, src = "", table = "" } of rules)
      if (priority === rulePriority)
        await run("ip", ["rule", "del", "priority", `${priority}`, "from", src, "table", table]);
    for (const [at, wish] of wishes.entries()) {
      const told = await this.#told(wish);
      const gateway = wanted.get(wish.interface)?.gateway;
      if (told === undefined || gateway === undefined) continue;
      const table = `${firstTable + at}`;
      await run("ip", ["route", "replace", "default", "via", gateway, "dev", wish.interface, "table", table]);
      const from = told.address.replace(/\/.*/, "");
      await run("ip", ["rule", "add", "priority", `${rulePriority}`, "from", from, "lookup", table]);
    }
  }

  async #nameServers(wishes: readonly PortWish[]): Promise<void> {
    const cheapest = wishes.toSorted((left, right) => left.metric - right.metric);
    const told = await Promise.all(cheapest.map((wish) => this.#told(wish)));
    const servers = [...new Set(told.flatMap((it) => it?.dns ?? []))].slice(0, serversMax);
    if (servers.length === 0) return;
    const text = servers.map((server) => `nameserver ${server}\n`).join("");
    const { resolvConf } = this.#options;
    if ((await readText(resolvConf)) === text) return;
    const draft = `${resolvConf}.selvedge`;
    await writeFile(draft, text);
    // A file that something else has mounted there cannot be replaced, only written.
    await rename(draft, resolvConf).catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
      await writeFile(resolvConf, text);
      await rm(draft, { force: true }).catch(ignoreMissing);
    });
  }

  #lease(card: string): string {
    return join(this.#options.folder, `${card}.lease`);
  }
}

/** A resolver of C knows three. */
const serversMax = 3;
