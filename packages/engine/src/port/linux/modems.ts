import { describeError } from "@selvedge/base";
import { list, run } from "../../network/linux/run.ts";
import {
  attachArgument,
  type Bearer,
  connectArgument,
  emptySlot,
  type Modem,
  parseBearer,
  parseModem,
  parseModemList,
  parsePlace,
  parseProfiles,
  parseSignal,
  parseSim,
} from "../cellular/modem-answers.ts";
import { chooseModes, modeArguments } from "../cellular/modem-modes.ts";
import type { ModemState, ModemTraffic, SignalFigures } from "../cellular/modem-state.ts";
import type { ModemLogin, Place } from "../port-driver.ts";

/** ModemManager's program, by its arguments. */
export type Mmcli = (args: readonly string[]) => Promise<string>;

/** A network lets a modem wait; a trial of the ports has little more time than that. */
const connectSeconds = 18;
/** How often a modem measures its signal, once it is asked to. */
const signalSeconds = 30;

/** Connects modems by ModemManager, which knows how each of them wants to be spoken to. */
export class Modems {
  readonly #mmcli: Mmcli;
  readonly #bearers = new Map<string, Bearer>();
  /** How modems were told to become known to their networks, by card. */
  readonly #attached = new Map<string, { readonly number: string; readonly how: string }>();
  /** Modems whose receiver of satellites is on, by card: one that was plugged in again has another number. */
  readonly #locating = new Map<string, string>();

  readonly #traffic: (card: string) => Promise<ModemTraffic>;

  constructor(mmcli: Mmcli = (args) => run("mmcli", args), counted: typeof traffic = traffic) {
    this.#mmcli = mmcli;
    this.#traffic = counted;
  }

  /** Resolves with what the network gave, else rejects with why not. */
  async connect(card: string, login: ModemLogin): Promise<Bearer> {
    this.#bearers.delete(card);
    const [number, modem] = await this.#find(card);
    if (modem.failure !== "") throw new Error(modem.failure);
    if (login.simSlot !== 0 && modem.simSlot !== 0 && modem.simSlot !== login.simSlot) {
      await this.#mmcli(["-m", number, `--set-primary-sim-slot=${login.simSlot}`]);
      throw new Error(`it changes to SIM slot ${login.simSlot} and comes back in a while`);
    }
    await this.#prepare(card, number, modem, login);
    const present = await this.#bearer(card, modem, login);
    if (present !== undefined) return present;
    if (modem.state === "connected") await this.#mmcli(["-m", number, "--simple-disconnect"]);
    const how = connectArgument(login);
    try {
      await this.#mmcli(["-m", number, `--timeout=${connectSeconds}`, `--simple-connect=${how}`]);
    } catch (error) {
      // What failed is told with its arguments, among which is the password.
      throw new Error(`${login.apn}: ${describeError(error).replaceAll(how, "…")}`);
    }
    const made = await this.#bearer(card, (await this.#find(card))[1], login);
    if (made === undefined) throw new Error(`${login.apn}: connected, but not by ${card}`);
    return made;
  }

  /** What a connection stands on: which technologies, and how the modem becomes known to a network at all. */
  async #prepare(card: string, number: string, modem: Modem, login: ModemLogin): Promise<void> {
    const modes = chooseModes(modem.supportedModes, login.technologies ?? []);
    if (modes !== undefined && modes.text !== modem.modes)
      await this.#mmcli(["-m", number, ...modeArguments(modes)]);
    const { attach } = login;
    if (attach === undefined) return;
    const how = attachArgument(attach, login);
    // To be told again takes a modem off the air, and some do not say what they were told.
    const before = this.#attached.get(card);
    const isSame = before?.how === how;
    const isDone =
      modem.attachApn === ""
        ? isSame && before.number === number
        : modem.attachApn === attach.apn && (isSame || before === undefined);
    this.#attached.set(card, { number, how });
    if (isDone) return;
    try {
      await this.#mmcli([
        ...["-m", number, `--timeout=${connectSeconds}`, `--3gpp-set-initial-eps-bearer-settings=${how}`],
      ]);
    } catch (error) {
      this.#attached.delete(card);
      throw new Error(`${attach.apn}: ${describeError(error).replaceAll(how, "…")}`);
    }
  }

  /** What its network gave a card; undefined: nothing, as far as is known. */
  told(card: string): Bearer | undefined {
    return this.#bearers.get(card);
  }

  /** Undefined where there is none, or nobody who knows; rejects when who knows does not say. */
  async look(card: string): Promise<ModemState | undefined> {
    let found: [number: string, modem: Modem] | undefined;
    try {
      found = await this.#among(card, await this.#list());
    } catch (error) {
      if (isNobodyThere(error)) return undefined;
      throw error;
    }
    if (found === undefined) return undefined;
    const [number, modem] = found;
    const sims = modem.slots.map(async (slot) => {
      const said = slot.number === undefined ? undefined : await this.#perhaps(["-i", slot.number, "-J"]);
      return said === undefined ? emptySlot(slot) : parseSim(said, slot);
    });
    const bearers = modem.bearers.map(async (it) => {
      const said = await this.#perhaps(["-b", it, "-J"]);
      return said === undefined ? [] : [parseBearer(said)];
    });
    const profiles = await this.#perhaps(["-m", number, "--3gpp-profile-manager-list", "-J"]);
    return {
      ...modem,
      sims: await Promise.all(sims),
      bearers: (await Promise.all(bearers)).flat(),
      profiles: profiles === undefined ? [] : parseProfiles(profiles),
      figures: await this.#figures(number, modem),
      traffic: await this.#traffic(card),
      locating: this.#locating.get(card) === number,
    };
  }

  /** Ends what it is connected by, so that it is connected anew. */
  async disconnect(card: string): Promise<void> {
    this.#bearers.delete(card);
    const [number] = await this.#find(card);
    await this.#mmcli(["-m", number, "--simple-disconnect"]);
  }

  /** Asks the modem's receiver of satellites, which is switched on when it is first asked. */
  async place(card: string): Promise<Omit<Place, "at"> | undefined> {
    const [number] = await this.#find(card);
    if (this.#locating.get(card) !== number) {
      await this.#mmcli(["-m", number, "--location-enable-gps-raw", "--location-enable-gps-nmea"]);
      this.#locating.set(card, number);
    }
    return parsePlace(await this.#mmcli(["-m", number, "--location-get", "-J"]));
  }

  async #figures(number: string, { mode, technologies }: Modem): Promise<SignalFigures> {
    if (mode !== "online" && mode !== "connected") return {};
    const get = ["-m", number, "--signal-get", "-J"];
    const said = await this.#perhaps(get);
    if (said === undefined) return {};
    const { measures, figures } = parseSignal(said, technologies);
    if (measures) return figures;
    if ((await this.#perhaps(["-m", number, `--signal-setup=${signalSeconds}`])) === undefined) return {};
    return parseSignal((await this.#perhaps(get)) ?? "{}", technologies).figures;
  }

  /** Not every modem can tell everything of itself, and one that is just unplugged nothing: the rest counts. */
  async #perhaps(args: readonly string[]): Promise<string | undefined> {
    return await this.#mmcli(args).catch(() => undefined);
  }

  async #find(card: string): Promise<[number: string, modem: Modem]> {
    const numbers = await this.#list();
    const found = await this.#among(card, numbers);
    if (found !== undefined) return found;
    throw new Error(`ModemManager knows no modem that speaks by ${card} (it knows ${numbers.length})`);
  }

  async #list(): Promise<readonly string[]> {
    return parseModemList(await this.#mmcli(["-L", "-J"]));
  }

  async #among(
    card: string,
    numbers: readonly string[],
  ): Promise<[number: string, modem: Modem] | undefined> {
    for (const number of numbers) {
      const modem = parseModem(await this.#mmcli(["-m", number, "-J"]));
      if (modem.cards.includes(card)) return [number, modem];
    }
    return undefined;
  }

  async #bearer(card: string, modem: Modem, { apn }: ModemLogin): Promise<Bearer | undefined> {
    for (const number of modem.bearers) {
      const bearer = parseBearer(await this.#mmcli(["-b", number, "-J"]));
      if (!bearer.connected || bearer.card !== card || bearer.apn !== apn) continue;
      this.#bearers.set(card, bearer);
      return bearer;
    }
    return undefined;
  }
}

type Counts = Readonly<Record<"bytes" | "packets" | "dropped", number>>;

async function traffic(card: string): Promise<ModemTraffic> {
  const shown = await list<{ readonly stats64?: Readonly<Record<"rx" | "tx", Counts>> }>("ip", [
    ...["-j", "-s", "link", "show", "dev", card],
  ]);
  const none: Counts = { bytes: 0, packets: 0, dropped: 0 };
  const { rx, tx } = shown[0]?.stats64 ?? { rx: none, tx: none };
  return {
    ...{ rxBytes: rx.bytes, rxPackets: rx.packets, rxDrops: rx.dropped },
    ...{ txBytes: tx.bytes, txPackets: tx.packets, txDrops: tx.dropped },
  };
}

/** What mmcli says where no bus is, or no ModemManager is on it. */
const absence =
  /couldn't (find the ModemManager process in the bus|get bus)|ServiceUnknown|was not provided by/i;

/** The program is not installed, or what it asks does not run: a box without modems. */
function isNobodyThere(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (absence.test(at.message) || ("code" in at && at.code === "ENOENT")) return true;
  return false;
}
