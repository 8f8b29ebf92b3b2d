import { mkdir, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { describeError } from "@selvedge/base";
import { ignoreMissing, list, run } from "../../network/linux/run.ts";
import { type ModemSurroundings, questionsOf } from "../cellular/modem-probe.ts";
import type { CardState, ModemLogin, PortDriver, PortProblems, PortWish } from "../port-driver.ts";
import type { ProxySpec } from "../port-spec.ts";
import { AddressClients, type Family } from "./address-clients.ts";
import type { ControllerProbe } from "./controller-probe.ts";
import { applyLinks, bondState, listLinks, speakerOf } from "./links.ts";
import { askRounds } from "./modem-probe.ts";
import { Modems } from "./modems.ts";
import { applyNameServers } from "./name-servers.ts";
import { silenceRadios } from "./radios.ts";
import { applyRoutes, type Route, type Way } from "./routes.ts";
import { WifiClients } from "./wifi-clients.ts";
import { WiredClients } from "./wired-clients.ts";

export interface LinuxPortOptions {
  /** False: only looks. */
  readonly manages: boolean;
  /** For what DHCP tells, and the process that asks. */
  readonly folder: string;
  /** Where programs find name servers. */
  readonly resolvConf: string;
  readonly probe: ControllerProbe;
}

/** With what speaks for the card now. */
interface Spoken extends PortWish {
  readonly speaker: string;
}

interface Address {
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
  readonly deprecated?: boolean;
  readonly dadfailed?: boolean;
}

/** What a card is to have: as configured, or as its network says. */
interface Told {
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly dns: readonly string[];
}

const nothing: Told = { addresses: [], gateways: [], dns: [] };
const pollMs = 50;
/** The kernel asks for a second whether somebody else has an address of IPv6. */
const tentativeMs = 5_000;

/** Cards in the network namespace this process runs in: VLANs and bonds, addresses, routes, name servers. */
export class LinuxPortDriver implements PortDriver {
  readonly manages: boolean;
  readonly #options: LinuxPortOptions;
  readonly #clients: AddressClients;
  readonly #wifi: WifiClients;
  readonly #wired: WiredClients;
  readonly #letIn = new Set<(card: string) => void>();
  readonly #modems: Modems = new Modems();
  #wishes: readonly PortWish[] = [];

  constructor(options: LinuxPortOptions) {
    this.#options = options;
    this.manages = options.manages;
    this.#clients = new AddressClients(options.folder);
    this.#wifi = new WifiClients(options.folder);
    this.#wired = new WiredClients(options.folder, (card) => {
      for (const listener of this.#letIn) listener(card);
    });
  }

  async apply(wishes: readonly PortWish[], signal: AbortSignal): Promise<PortProblems> {
    const problems = new Map<string, string>();
    if (!this.manages) return problems;
    await mkdir(this.#options.folder, { recursive: true });
    await this.#wifi.keep(wishes.flatMap(({ interface: card, wifi }) => (wifi === undefined ? [] : [card])));
    await this.#wired.keep(
      wishes.flatMap(({ interface: card, authentication }) => (authentication === undefined ? [] : [card])),
    );
    const before = await listLinks();
    for (const { interface: card } of this.#wishes)
      if (!wishes.some((it) => it.interface === card)) await this.#clear(speakerOf(card, before));
    this.#wishes = wishes;
    const there = await this.#links(wishes, problems);
    await this.#clients.keep((card, family) =>
      there.some((it) => it.speaker === card && familiesOf(it).includes(family)),
    );
    await Promise.all(
      there.map(async (wish) => {
        try {
          await this.#address(wish, signal);
        } catch (error) {
          signal.throwIfAborted();
          problems.set(wish.interface, describeError(error));
        }
      }),
    );
    await this.#routes(there);
    return problems;
  }

  async look(): Promise<ReadonlyMap<string, CardState>> {
    const [links, shown, routes, routes6] = await Promise.all([
      listLinks(),
      listAddresses(),
      list<Route>("ip", ["-j", "-4", "route", "show", "default"]),
      list<Route>("ip", ["-j", "-6", "route", "show", "default"]),
    ]);
    const cards = new Map<string, CardState>();
    for (const link of links) {
      const { ifname, address = "", mtu = 0, flags = [] } = link;
      const wish = this.#wishes.find((it) => it.interface === ifname);
      const speaker = speakerOf(ifname, links);
      const told = wish === undefined ? undefined : await this.#told({ ...wish, speaker });
      const found = [routes, routes6].flatMap(
        (of) => of.find(({ dev, gateway }) => dev === speaker && gateway !== undefined)?.gateway ?? [],
      );
      const bond = bondState(link, links);
      const modem = wish?.cellular && (await this.#modem(ifname, wish.cellular));
      const authentication = wish?.authentication && (await this.#wired.look(ifname));
      cards.set(ifname, {
        ...{ up: flags.includes("UP") && flags.includes("LOWER_UP"), mac: address, mtu },
        addresses: usable(shown.get(speaker) ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
        gateways: told?.gateways ?? found,
        dns: told?.dns ?? [],
        ...(bond === undefined ? {} : { bond }),
        ...(authentication === undefined ? {} : { authentication }),
        ...modem,
      });
    }
    return cards;
  }

  /** A modem that cannot be asked is told of, and hides nothing of the other cards. */
  async #modem(
    card: string,
    { locate }: Pick<ModemLogin, "locate">,
  ): Promise<Pick<CardState, "modem" | "place" | "fault">> {
    try {
      const modem = await this.#modems.look(card);
      if (modem === undefined) return {};
      const place = locate === true ? await this.#modems.place(card) : undefined;
      return { modem, ...(place === undefined ? {} : { place: { ...place, at: Date.now() } }) };
    } catch (error) {
      return { fault: describeError(error) };
    }
  }

  async silence(on: boolean): Promise<void> {
    if (!this.manages) return;
    await silenceRadios(on);
  }

  async probe(card: string, proxy: ProxySpec | undefined, signal: AbortSignal): Promise<void> {
    const addresses = (await this.look()).get(card)?.addresses ?? [];
    if (addresses.length === 0) throw new Error("it has no address");
    const failures: string[] = [];
    // One family is enough.
    for (const address of addresses) {
      try {
        await this.#options.probe(address.replace(/\/.*/, ""), proxy, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        failures.push(describeError(error));
      }
    }
    throw new Error([...new Set(failures)].join("; "));
  }

  async askBeyond(
    card: string,
    whom: Pick<ModemSurroundings, "probe" | "proxy">,
    signal: AbortSignal,
  ): Promise<void> {
    const wish = this.#wishes.find((it) => it.interface === card);
    const speaker = speakerOf(card, await listLinks());
    const { dns } = wish === undefined ? nothing : await this.#told({ ...wish, speaker });
    const addresses = usable((await listAddresses()).get(speaker) ?? []).map(({ local }) => local);
    await askRounds(questionsOf({ ...whom, dns, addresses }), addresses, signal);
  }

  async reconnect(cards: readonly string[], signal: AbortSignal): Promise<void> {
    for (const card of cards) await this.#modems.disconnect(card);
    await this.apply(this.#wishes, signal);
  }

  /** Leaves the cards as they are; those who ask for addresses end with us, what they got stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients[Symbol.asyncDispose]();
    await this.#wifi[Symbol.asyncDispose]();
    await this.#wired[Symbol.asyncDispose]();
  }

  /** Makes what is made of cards, and brings them up. Those that are there come back. */
  async #links(wishes: readonly PortWish[], problems: Map<string, string>): Promise<Spoken[]> {
    const made = new Map(wishes.flatMap(({ links }) => links.map((link) => [link.name, link])));
    const broken = await applyLinks([...made.values()]);
    const links = await listLinks();
    const there = wishes.filter((wish) => {
      const { interface: card } = wish;
      const why = wish.links.flatMap(({ name }) => broken.get(name) ?? [])[0];
      const missing = links.some(({ ifname }) => ifname === card) ? undefined : `there is no card ${card}`;
      const problem = why ?? missing;
      if (problem !== undefined) problems.set(card, problem);
      return problem === undefined;
    });
    // A VLAN's frames must fit its card.
    const mtus = new Map<string, number>();
    for (const { interface: card, mtu, links: below } of there) {
      for (const link of below)
        if (link.kind === "vlan") mtus.set(link.lower, Math.max(mtu, mtus.get(link.lower) ?? 0));
      mtus.set(card, Math.max(mtu, mtus.get(card) ?? 0));
    }
    const order = [...mtus.keys()].toSorted((left, right) => rank(left, made) - rank(right, made));
    for (const card of order) await run("ip", ["link", "set", "dev", card, "mtu", `${mtus.get(card)}`, "up"]);
    return there.map((wish) => ({ ...wish, speaker: speakerOf(wish.interface, links) }));
  }

  async #address(wish: Spoken, signal: AbortSignal): Promise<void> {
    const { speaker: card } = wish;
    const families = familiesOf(wish);
    if (wish.wifi !== undefined) await this.#wifi.join(wish.interface, wish.wifi, signal);
    if (wish.authentication !== undefined)
      await this.#wired.authenticate(wish.interface, wish.authentication, signal);
    const bearer = wish.cellular && (await this.#modems.connect(wish.interface, wish.cellular));
    const asks = bearer === undefined || bearer.asks;
    // What routers say is dhcpcd's to hear, and only where the port may have addresses of IPv6.
    await writeFile(`/proc/sys/net/ipv6/conf/${card}/accept_ra`, "0").catch(ignoreMissing);
    const has = async (family: Family): Promise<boolean> => {
      const lease = await this.#clients.lease(card);
      if (family === "ipv4") return lease.address !== undefined;
      return usable((await listAddresses()).get(card) ?? []).some((it) => it.family === "inet6");
    };
    if (asks && families.length > 0) await this.#clients.ask(card, { ...wish, families }, has, signal);
    const { addresses } = await this.#told(wish);
    const shown = (await listAddresses()).get(card) ?? [];
    const present = shown.filter(({ scope }) => scope !== "link");
    for (const { local, prefixlen, family } of present) {
      const other = `${local}/${prefixlen}`;
      if (family === "inet6" && families.includes("ipv6")) continue;
      if (!addresses.includes(other)) await run("ip", ["addr", "del", other, "dev", card]);
    }
    for (const address of addresses)
      if (!present.some(({ local, prefixlen }) => `${local}/${prefixlen}` === address))
        await run("ip", ["addr", "add", address, "dev", card]);
    await settledAddresses(card, signal);
  }

  async #told({ speaker: card, address, cellular }: Spoken): Promise<Told> {
    if (address.kind === "none") return nothing;
    if (address.kind === "static") {
      const { gateway, dns } = address;
      return { addresses: [address.address], gateways: gateway === "" ? [] : [gateway], dns };
    }
    const bearer = cellular && this.#modems.told(card);
    if (bearer !== undefined && !bearer.asks) return bearer;
    const lease = await this.#clients.lease(card);
    return { ...lease, addresses: lease.address === undefined ? [] : [lease.address] };
  }

  onLetIn(listener: (card: string) => void): () => void {
    this.#letIn.add(listener);
    return () => this.#letIn.delete(listener);
  }

  async askAgain(cards: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#clients.keep((card) => !cards.includes(card));
    await this.apply(this.#wishes, signal);
  }

  /** A card that no port has any more speaks to nobody. */
  async #clear(card: string): Promise<void> {
    await run("ip", ["addr", "flush", "dev", card]).catch(() => "");
  }

  async #routes(wishes: readonly Spoken[]): Promise<void> {
    const shown = await listAddresses();
    const told = await Promise.all(wishes.map(async (wish) => ({ wish, told: await this.#told(wish) })));
    for (const family of ["-4", "-6"] as const) {
      const mine = (address: string): boolean => address.includes(":") === (family === "-6");
      const ways = told.flatMap(({ wish, told: { gateways } }): Way[] => {
        const { speaker: card, metric } = wish;
        const own = usable(shown.get(card) ?? []).flatMap(({ local }) => (mine(local) ? [local] : []));
        const gateway = gateways.find(mine);
        return gateway === undefined ? [] : [{ card, gateway, metric, addresses: own }];
      });
      const cards = wishes.flatMap((wish) => [wish.interface, wish.speaker]);
      await applyRoutes(family, ways, cards);
    }
    const cheapest = told.toSorted((left, right) => left.wish.metric - right.wish.metric);
    await applyNameServers(
      this.#options.resolvConf,
      cheapest.flatMap((it) => it.told.dns),
    );
  }
}

/** Cards first, then bonds, then VLANs. */
function rank(name: string, made: ReadonlyMap<string, { readonly kind: string }>): number {
  return ["bond", "vlan"].indexOf(made.get(name)?.kind ?? "");
}

/** Families that a card asks its network for. */
function familiesOf({ address }: PortWish): readonly Family[] {
  if (address.kind !== "dhcp") return [];
  return address.family === undefined ? ["ipv4", "ipv6"] : [address.family];
}

/** By card. */
async function listAddresses(): Promise<ReadonlyMap<string, readonly Address[]>> {
  const shown = await list<{ ifname: string; addr_info?: Address[] }>("ip", ["-j", "addr", "show"]);
  return new Map(shown.map(({ ifname, addr_info = [] }) => [ifname, addr_info]));
}

/** Those that others can be spoken to from, IPv4 first. */
function usable(addresses: readonly Address[]): Address[] {
  return addresses
    .filter(({ scope, tentative, deprecated, dadfailed }) => {
      return scope === "global" && !tentative && !deprecated && !dadfailed;
    })
    .toSorted((left, right) => left.family.length - right.family.length);
}

/** Resolves once the kernel knows whether the card may have its addresses. */
async function settledAddresses(card: string, signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < tentativeMs; waited += pollMs) {
    signal.throwIfAborted();
    const all = (await listAddresses()).get(card) ?? [];
    const failed = all.find(({ dadfailed }) => dadfailed);
    if (failed !== undefined) throw new Error(`somebody else on the wire has ${failed.local}`);
    if (!all.some(({ tentative, scope }) => tentative && scope !== "link")) return;
    await setTimeout(pollMs);
  }
}
