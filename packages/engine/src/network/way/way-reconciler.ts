import { type Clock, describeError, type Log } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { DesiredState } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import { chooseWay } from "./way-choice.ts";
import type { WayDriver } from "./way-driver.ts";
import { planWays, type Way, wayKey } from "./way-plan.ts";
import { type Asked, askEvery, WayRound } from "./way-round.ts";
import { remoteText, type WayRemote } from "./way-spec.ts";
import type { WayPortStatus, WayStatus } from "./way-status.ts";

export interface WayParts {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly driver: WayDriver;
  /** Whom uplinks lead to. */
  readonly controller: WayRemote;
  readonly clock: Clock;
  readonly log: Log;
}

export const waysKey = "ways";
const path = "network/ways.json";
/**
 * Finds out which ports lead where networks want to go, and chooses one for each way. A port's gateway is asked
 * every 15 seconds; who is remote every 150, and as often as the gateway while there is doubt about either: a way
 * is left a minute after the first question that nobody answers, and at once when its cable is pulled.
 */
export class WayReconciler implements Reconciler<typeof waysKey> {
  readonly name = "way";
  readonly reads: readonly string[] = ["desired", "networks", "ports"];
  readonly writes: readonly string[] = ["ways"];
  readonly #parts: WayParts;
  /** By port and by what was asked; of what is asked no more nothing is kept. */
  #asked: ReadonlyMap<string, Asked> = new Map();
  /** The port of each way, as the last engine left it; undefined: not read yet. */
  #chosen: Record<string, string> | undefined;

  constructor(parts: WayParts) {
    this.#parts = parts;
  }

  async reconcile(_key: typeof waysKey, signal: AbortSignal): Promise<Outcome> {
    const { store, driver, controller } = this.#parts;
    const desired = store.desired.get();
    if (desired === undefined) return settled;
    const ways = planWays(desired, controller);
    this.#chosen ??= await this.#read();
    if (ways.length === 0) {
      this.#asked = new Map();
      await this.#tell(new Map());
      return settled;
    }
    const cards = new Map(
      store.networks
        .entries()
        .flatMap(([, it]) =>
          it.phase === "ready" && it.carries !== undefined ? [[it.carries, it.bridge]] : [],
        ),
    );
    const links = await driver.links();
    const round = new WayRound(this.#parts, { links, cards, before: this.#asked, signal });
    const told = await Promise.all(ways.map((way) => round.ask(way)));
    const rows = new Map<string, WayStatus>();
    for (const [spread, way] of ways.entries()) {
      const { networkId, destination, choice } = way;
      const ports = told[spread] ?? [];
      const port = this.#choose(desired, way, ports, spread) ?? "";
      const remote = choice.remote === undefined ? "" : remoteText(choice.remote);
      rows.set(wayKey(networkId, destination), { networkId, destination, port, remote, ports });
    }
    signal.throwIfAborted();
    this.#asked = round.asked;
    await this.#tell(rows);
    return lookAgain("ways come and go", askEvery);
  }

  #choose(
    desired: DesiredState,
    way: Way,
    told: readonly WayPortStatus[],
    spread: number,
  ): string | undefined {
    const key = wayKey(way.networkId, way.destination);
    const before = this.#chosen?.[key];
    const cards = this.#parts.store.ports.get()?.cards ?? {};
    const candidates = told.map((port) => {
      const spec = way.ports.find(({ name }) => name === port.name);
      const signal = cards[spec?.interface ?? ""]?.modem?.signal;
      return { ...port, cost: spec?.cost ?? 0, ...(signal === undefined ? {} : { signal }) };
    });
    const port = chooseWay(candidates, way.choice, before, spread);
    if (port !== before && before !== undefined) {
      const network = desired.networks.find(({ id }) => id === way.networkId)?.name;
      this.#parts.log.warn("another port is taken", { network, to: way.destination, before, port });
    }
    return port;
  }

  async #tell(rows: ReadonlyMap<string, WayStatus>): Promise<void> {
    const { store, disk } = this.#parts;
    const chosen = Object.fromEntries([...rows].map(([key, { port }]) => [key, port]));
    if (JSON.stringify(chosen) !== JSON.stringify(this.#chosen)) {
      await disk.writeDurable(path, new TextEncoder().encode(JSON.stringify(chosen)));
      this.#chosen = chosen;
    }
    for (const key of store.ways.keys()) if (!rows.has(key)) store.ways.delete(key);
    for (const [key, row] of rows) store.ways.set(key, row);
  }

  async #read(): Promise<Record<string, string>> {
    const bytes = await this.#parts.disk.read(path);
    if (bytes === undefined) return {};
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>;
    } catch (error) {
      this.#parts.log.error("which ports ways took is unreadable", { error: describeError(error) });
      return {};
    }
  }
}
