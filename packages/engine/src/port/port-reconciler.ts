import { createHash } from "node:crypto";
import { type Clock, describeError, instant, type Log, millis } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import { ModemWatch } from "./cellular/modem-watch.ts";
import { inTime } from "./in-time.ts";
import { lastResort } from "./last-resort.ts";
import {
  emptyBook,
  isUnruled,
  isUntold,
  nextStep,
  type PortBook,
  type PortTrial,
  type StepTimes,
  withFallback,
  withNewest,
  withResult,
} from "./port-book.ts";
import type { ModemLogin, PortDriver, PortProblems, PortWish, WifiLogin } from "./port-driver.ts";
import { answerTime, type PortSettings } from "./port-settings.ts";
import type { PortSecret, PortSpec, WifiNetwork } from "./port-spec.ts";
import { dueOf, type LetIn, nobodyLetIn, withAnswer, withLetIn } from "./wired/let-in.ts";
import { identityOf, type PortCredential } from "./wired/supplicant.ts";

export interface PortParts {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly driver: PortDriver;
  readonly secrets: PortSecrets;
  readonly credentials: PortCredentials;
  /** How the ports are to be until a controller says so. */
  readonly bootstrap?: { readonly ports: readonly PortSpec[] | undefined };
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: PortSettings;
}

/** What ports show their switches. Provided by the certificate domain. */
export interface PortCredentials {
  /** Undefined: there is none for now. */
  credential(profile: string): PortCredential | undefined;
}

/** Opens what a wireless network is joined with. Provided by control. */
export interface PortSecrets {
  /** Throws when it was not sealed to this node. */
  openPortSecret(
    secret: PortSecret,
  ): Promise<Pick<ModemLogin, "user" | "password" | "attachUser" | "attachPassword">>;
}

export const portKey = "ports";
const vendorClass = "dhcp.enable.vendorclassid";
const path = "network/ports.json";
/** Of default routes, beginning behind what the box's own system may have; a port that fails comes last. */
const metricBase = 100;
const metricFailed = 10_000;

/**
 * A configuration of the ports is believed when the controller was reached by it. Until then, and when it no
 * longer is, the last one that was is in force.
 */
export class PortReconciler implements Reconciler<typeof portKey> {
  readonly name = "port";
  readonly reads: readonly string[] = ["desired", "networks", "certificates"];
  readonly writes: readonly string[] = ["ports"];
  readonly #parts: PortParts;
  #book: PortBook = emptyBook;
  #saved = "";
  #tested: number | undefined;
  /** Of the configuration in force, the uplinks that did not lead to the controller. */
  #failed: ReadonlySet<string> = new Set();
  /** Those, and modems that lead nowhere: used only where there is nothing else. */
  #last: ReadonlySet<string> = new Set();
  readonly #watch: ModemWatch;
  /** Cards shared with switches, and certificates shown, when the ports were last made so. */
  #basis = "";
  #letIn: LetIn = nobodyLetIn;
  /** Whether radios were to be silent then; undefined: not made so yet. */
  #silent: boolean | undefined;

  constructor(parts: PortParts) {
    this.#parts = parts;
    this.#watch = new ModemWatch(parts.driver, parts.log);
  }

  async load(): Promise<void> {
    const bytes = await this.#parts.disk.read(path);
    if (bytes === undefined) return;
    try {
      this.#book = JSON.parse(new TextDecoder().decode(bytes)) as PortBook;
    } catch (error) {
      this.#parts.log.error("what is known of the ports is unreadable", { error: describeError(error) });
    }
  }

  async reconcile(_key: typeof portKey, signal: AbortSignal): Promise<Outcome> {
    const { store, clock, driver, log } = this.#parts;
    const ports = store.desired.get()?.ports;
    const given = this.#parts.bootstrap?.ports;
    if (ports !== undefined)
      this.#book = withNewest(this.#book, { digest: digestOf(ports), ports }, clock.now());
    else if (given !== undefined && isUnruled(this.#book)) this.#begin(given);
    else if (driver.manages && isUntold(this.#book)) await this.#tryEverything();
    if (this.#book.configs.length === 0) return driver.manages ? await this.#later(noCardMs) : settled;
    if (!driver.manages) return await this.#observe();
    const falls = this.#parts.settings.choice("network.fallback.any.eth") === "enabled";
    this.#book = withFallback(this.#book, falls ? await this.#everything() : undefined, clock.now());
    await this.#obeySilence();
    const step = nextStep(
      this.#book,
      clock.now(),
      this.#tested === undefined ? undefined : instant(this.#tested),
      this.#times,
    );
    if (step.do === "keep") {
      // A card that came into a switch, or out of one, speaks by another link.
      if (this.#basis !== this.#basisNow()) await this.#apply(this.#inForce, signal);
      return await this.#later(Math.min(step.againMs, await this.#askAgain(signal)));
    }
    const before = this.#book.current;
    const config = this.#book.configs[step.index];
    if (config === undefined) return settled;
    if (this.#silent && !config.ports.some((port) => port.uplink && !isByAir(port))) {
      // It could not work now, which says nothing of it.
      await this.#apply(config.ports, signal);
      this.#tested = clock.now();
      return await this.#later(this.#times.testMs);
    }
    const trial = await this.#try(config.ports, signal);
    signal.throwIfAborted();
    const { error } = trial;
    this.#book = withResult(this.#book, step.index, trial, clock.now());
    this.#tested = clock.now();
    const { current } = this.#book;
    if (error !== undefined) log.warn("ports do not lead to the controller", { error, why: step.why });
    if (current !== step.index) {
      log.warn("back to ports that worked", { since: this.#book.configs[current]?.lastSucceeded });
      await this.#apply(this.#book.configs[current]?.ports ?? [], signal);
    } else {
      if (current !== before) log.info("other ports are in force", { why: step.why });
      const healed = await this.#watch.heal(usable(config.ports), signal);
      if (healed && this.#rank(config.ports)) await this.#apply(config.ports, signal);
    }
    return await this.#later(0);
  }

  #begin(ports: readonly PortSpec[]): void {
    const config = { digest: digestOf(ports), ports, bootstrap: true as const };
    this.#book = withNewest(this.#book, config, this.#parts.clock.now());
  }

  /** A box must reach its controller to be told how. */
  async #tryEverything(): Promise<void> {
    const config = await this.#everything();
    if (config === undefined) return;
    this.#book = withNewest(this.#book, { ...config, lastResort: true }, this.#parts.clock.now());
  }

  /** Every wire there is; undefined when there is none. */
  async #everything(): Promise<{ readonly digest: string; readonly ports: readonly PortSpec[] } | undefined> {
    const ports = lastResort((await this.#parts.driver.look()).keys());
    return ports.length === 0 ? undefined : { digest: digestOf(ports), ports };
  }

  /** A switch has let a card in, perhaps to another network than it had an address of. */
  letIn(card: string): void {
    const { store, clock } = this.#parts;
    const address = store.ports.get()?.cards[card]?.addresses.find((it) => !it.includes(":"));
    const asks = this.#parts.settings.number("pnac.dhcp.reacquire.max.retries") > 0;
    if (asks) this.#letIn = withLetIn(this.#letIn, card, address, clock.now());
  }

  /** Resolves with how long it is until the next card is to ask. */
  async #askAgain(signal: AbortSignal): Promise<number> {
    const { driver, clock, settings, log } = this.#parts;
    const { due } = dueOf(this.#letIn, clock.now());
    if (due.length > 0) {
      await driver.askAgain(due, signal);
      const cards = await driver.look();
      const triesMax = settings.number("pnac.dhcp.reacquire.max.retries");
      for (const card of due) {
        const address = cards.get(card)?.addresses.find((it) => !it.includes(":"));
        log.info("asked again behind a switch that let us in", { card, address });
        this.#letIn = withAnswer(this.#letIn, card, address, { now: clock.now(), triesMax });
      }
    }
    return dueOf(this.#letIn, clock.now()).nextMs;
  }

  get #inForce(): readonly PortSpec[] {
    return this.#book.configs[this.#book.current]?.ports ?? [];
  }

  #basisNow(): string {
    const { store, credentials } = this.#parts;
    const shown = this.#inForce.map(({ authentication }) =>
      authentication === undefined ? "" : (credentials.credential(authentication.profile)?.certificate ?? ""),
    );
    return [sharedCards(store), this.#parts.settings.isOn(vendorClass), ...shown].join();
  }

  async #obeySilence(): Promise<void> {
    const { store, driver, log } = this.#parts;
    const { radioSilence: silent = false, ports = [] } = store.desired.get() ?? {};
    if (silent === this.#silent) return;
    if (silent || this.#silent) log.info(silent ? "radios are silent from now on" : "radios may speak again");
    // At a start the box's system may have switched off what nobody asks to be silent any more.
    if (silent || this.#silent || ports.some(isByAir)) await driver.silence(silent);
    this.#silent = silent;
    this.#tested = undefined;
  }

  get #times(): StepTimes {
    const { settings } = this.#parts;
    return {
      testMs: settings.seconds("timer.port.testinterval"),
      betterMs: settings.seconds("timer.port.testbetterinterval"),
    };
  }

  async #try(ports: readonly PortSpec[], signal: AbortSignal): Promise<PortTrial> {
    const { settings, clock } = this.#parts;
    const limits = { clock, span: settings.seconds("timer.port.testduration"), late: "it took too long" };
    try {
      return await inTime(limits, signal, async (inner) => await this.#reach(ports, inner));
    } catch (error) {
      signal.throwIfAborted();
      return { error: describeError(error), errors: {} };
    }
  }

  async #reach(ports: readonly PortSpec[], signal: AbortSignal): Promise<PortTrial> {
    const { driver, clock, settings } = this.#parts;
    const problems = await this.#apply(ports, signal);
    const span = answerTime(settings);
    const limits = { clock, span, late: `no answer in ${span} ms` };
    const uplinks = usable(ports).filter(({ uplink }) => uplink);
    if (uplinks.length === 0) {
      const error = ports.find(({ fault }) => fault !== undefined)?.fault ?? "there is no uplink";
      return { error, errors: {} };
    }
    const errors = new Map(
      usable(ports).flatMap(({ name, interface: card }): [string, string][] => {
        const why = problems.get(card);
        return why === undefined ? [] : [[name, why]];
      }),
    );
    await Promise.all(
      uplinks.map(async ({ name, interface: card, proxy }) => {
        if (errors.has(name)) return;
        const probe = async (inner: AbortSignal): Promise<void> => await driver.probe(card, proxy, inner);
        await inTime(limits, signal, probe).catch((error: unknown) => {
          errors.set(name, `the controller does not answer by it: ${describeError(error)}`);
        });
      }),
    );
    const failed = uplinks.flatMap(({ name }) => (errors.has(name) ? [name] : []));
    const reached = new Set(uplinks.flatMap(({ name }) => (errors.has(name) ? [] : [name])));
    const speaking = usable(ports).filter(({ interface: card }) => !problems.has(card));
    await this.#watch.ask(speaking, reached, signal);
    this.#failed = new Set(failed);
    const changed = this.#rank(ports);
    const told = { errors: Object.fromEntries(errors) };
    if (failed.length === uplinks.length)
      return { ...told, error: failed.map((name) => `${name}: ${errors.get(name)}`).join("; ") };
    // What leads nowhere is used last, so that what does carries the traffic.
    if (changed) await this.#apply(ports, signal);
    return { ...told, error: undefined };
  }

  /** Whether others than before are to be used last. */
  #rank(ports: readonly PortSpec[]): boolean {
    const isLast = (port: PortSpec): boolean => this.#failed.has(port.name) || this.#watch.isSilent(port);
    const last = ports.filter(isLast).map(({ name }) => name);
    const changed = last.join() !== [...this.#last].join();
    this.#last = new Set(last);
    return changed;
  }

  async #apply(ports: readonly PortSpec[], signal: AbortSignal): Promise<PortProblems> {
    const closed = new Map<string, string>();
    const wishes: PortWish[] = [];
    for (const port of usable(ports)) {
      const { address = { kind: "dhcp" }, mtu = 1500, cost, name, links = [] } = port;
      const place = ports.indexOf(port);
      const metric = metricBase + cost * 10 + place + (this.#last.has(name) ? metricFailed : 0);
      try {
        if (this.#silent && isByAir(port)) {
          closed.set(port.interface, "radios are to be silent");
          continue;
        }
        const wireless = await this.#wireless(port);
        const shown = this.#shown(port);
        const hidden = this.#parts.settings.isOn(vendorClass) ? {} : { hidesVendor: true as const };
        wishes.push({
          interface: port.interface,
          links,
          ...wireless,
          ...shown,
          ...hidden,
          address,
          mtu,
          metric,
        });
      } catch (error) {
        closed.set(port.interface, `what it is joined with cannot be opened: ${describeError(error)}`);
      }
    }
    const basis = this.#basisNow();
    const problems = await this.#parts.driver.apply(wishes, signal);
    this.#basis = basis;
    return new Map([...closed, ...problems]);
  }

  /** Nothing while there is no certificate: a switch may have a network for those who come for one. */
  #shown({ authentication }: PortSpec): Pick<PortWish, "authentication"> {
    if (authentication === undefined || authentication.fault !== undefined) return {};
    const credential = this.#parts.credentials.credential(authentication.profile);
    if (credential === undefined) return {};
    const identity = authentication.identity || identityOf(credential.certificate);
    return { authentication: { ...credential, identity } };
  }

  async #wireless({ wifi, cellular }: PortSpec): Promise<Pick<PortWish, "wifi" | "cellular">> {
    if (wifi !== undefined) return { wifi: await this.#logins(wifi) };
    if (cellular === undefined) return {};
    const { secret, ...access } = cellular;
    return { cellular: { ...access, ...(await this.#parts.secrets.openPortSecret(secret)) } };
  }

  async #logins(networks: readonly WifiNetwork[]): Promise<WifiLogin[]> {
    const { secrets } = this.#parts;
    return await Promise.all(
      networks.map(async ({ ssid, security, priority, secret }) => {
        const { user, password } = await secrets.openPortSecret(secret);
        return { ssid, security, priority, user, password };
      }),
    );
  }

  /** The configuration came by these ports, so they work. */
  async #observe(): Promise<Outcome> {
    const { clock } = this.#parts;
    if (this.#book.configs[0]?.lastSucceeded === undefined || this.#book.current !== 0)
      this.#book = withResult(this.#book, 0, { error: undefined, errors: {} }, clock.now());
    return await this.#later(observeMs);
  }

  /** A box that says where it is says so as often as its configuration has it. */
  get #lookMs(): number {
    const ports = this.#book.configs[this.#book.current]?.ports ?? [];
    if (!ports.some(({ cellular }) => cellular?.locate === true)) return lookMs;
    return Math.min(lookMs, this.#parts.settings.seconds("timer.location.app.interval"));
  }

  async #later(againMs: number): Promise<Outcome> {
    const { store, driver, disk } = this.#parts;
    const cards = this.#watch.told(await driver.look());
    store.ports.set({ book: this.#book, cards, failed: [...this.#failed] });
    const text = JSON.stringify(this.#book);
    if (text !== this.#saved) {
      await disk.writeDurable(path, new TextEncoder().encode(text));
      this.#saved = text;
    }
    return lookAgain(
      "ports can change by themselves",
      millis(Math.min(Math.max(againMs, leastMs), driver.manages ? this.#lookMs : observeMs)),
    );
  }
}

/** Between two looks at the cards: those we look after, and those that the box's own system does. */
const lookMs = 60_000;
const observeMs = 300_000;
/** Cards appear when their drivers are loaded. */
const noCardMs = 1_000;
const leastMs = 100;

function sharedCards({ networks }: EngineStore): string {
  const shared = networks.entries().flatMap(([, row]) => (row.phase === "ready" && row.carries) || []);
  return shared.sort().join();
}

function isByAir({ wifi, cellular }: PortSpec): boolean {
  return wifi !== undefined || cellular !== undefined;
}

function usable(ports: readonly PortSpec[]): PortSpec[] {
  return ports.filter(({ fault }) => fault === undefined);
}

function digestOf(ports: readonly PortSpec[]): string {
  return createHash("sha256").update(JSON.stringify(ports)).digest("hex").slice(0, 32);
}
