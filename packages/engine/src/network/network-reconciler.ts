import { type Clock, type Log, type Millis, minutes, seconds } from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import type { AppId, DesiredState } from "../desired.ts";
import type { EngineStore, Table } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { AppStatus } from "../observed.ts";
import { type Leases, noLeases, planLeases } from "./lease.ts";
import type { NetworkDriver } from "./network-driver.ts";
import { planNetwork, snoopsArp } from "./network-plan.ts";
import type { ChosenWays } from "./policy-plan.ts";
import { chosenOf } from "./way/way-status.ts";

export interface NetworkParts {
  readonly store: EngineStore;
  readonly disk: Disk;
  readonly driver: NetworkDriver;
  /** Machines that run: whatever the configuration says, their plugs stay. Missing where none can run. */
  readonly machines: Machines | undefined;
  readonly prefix: string;
  /** The node looks after its ports itself. Not there: it does not. */
  readonly managed?: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the last pass began with, and what the kernel showed when it was over. */
interface Done {
  readonly desired: DesiredState;
  readonly running: string;
  readonly ready: string;
  readonly ways: string;
  readonly look: string;
  readonly at: Millis;
}

interface Given {
  readonly desired: DesiredState;
  readonly running: ReadonlySet<AppId>;
  readonly ready: ReadonlySet<AppId>;
  readonly ways: ChosenWays;
}

export interface Machines {
  list(): Promise<readonly AppId[]>;
}

/** Ports of the node and addresses are shared, so one pass decides over all networks. */
export const networkKey = "networks";
/** A resolver that died, rules that somebody flushed or a card that went are seen after this. */
const lookEvery = seconds(60);
/**
 * To compare all there is takes a dozen programs, each minute of a year on each node. This often it is done
 * although nothing seems to have changed: a line of our rules may be edited, a plug set down by hand.
 */
const compareEvery = minutes(10);
/** While a plug of a switch has no address that is known. */
const seeEvery = seconds(10);
const why = "others can change what is in the kernel";
const leasesPath = "network/leases.json";

export class NetworkReconciler implements Reconciler<typeof networkKey> {
  readonly name = "network";
  readonly reads: readonly string[] = ["desired", "apps", "ways"];
  readonly writes: readonly string[] = ["networks", "nics"];
  readonly #parts: NetworkParts;
  #done: Done | undefined;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  async reconcile(_key: typeof networkKey, signal: AbortSignal): Promise<Outcome> {
    const { store, driver, machines, clock } = this.#parts;
    const desired = store.desired.get();
    if (desired === undefined) return settled;
    // After a start machines run that nobody has told of yet.
    const running = new Set([...((await machines?.list()) ?? []), ...store.apps.keys()]);
    const ready = readyApps(store);
    const ways = new Map(store.ways.entries().map(([key, it]) => [key, chosenOf(it)]));
    const now = {
      ...{ desired, running: [...running].sort().join(" "), ready: [...ready].sort().join(" ") },
      ways: JSON.stringify([...ways]),
    };
    if (await this.#isDone(now)) return lookAgain(why, lookEvery);
    this.#done = undefined;
    const strange = await this.#make({ desired, running, ready, ways }, signal);
    // Plugs of switches tell their addresses when they please.
    if (desired.networks.some(({ kind }) => kind === "switch"))
      return lookAgain(why, strange ? seeEvery : lookEvery);
    this.#done = { ...now, look: await driver.look(), at: clock.monotonic() };
    return lookAgain(why, lookEvery);
  }

  /** Whether a pass would find everything as the last one left it. */
  async #isDone({ desired, running, ready, ways }: Omit<Done, "look" | "at">): Promise<boolean> {
    const { driver, clock } = this.#parts;
    const done = this.#done;
    if (done?.desired !== desired || done.running !== running || done.ready !== ready) return false;
    if (done.ways !== ways) return false;
    return clock.monotonic() - done.at < compareEvery && (await driver.look()) === done.look;
  }

  /** True while a plug has no address that is known. */
  async #make({ running, ...given }: Given, signal: AbortSignal): Promise<boolean> {
    const { desired } = given;
    const { store, driver, prefix, managed = false } = this.#parts;
    const before = await this.#read();
    const leases = planLeases(before, desired, running);
    if (JSON.stringify(leases) !== JSON.stringify(before)) await this.#write(leases);
    const switched = snoopsArp(desired) && desired.networks.some(({ kind }) => kind === "switch");
    const seen = switched ? await driver.seen() : undefined;
    const [addresses, cards] = [await driver.addresses(), await driver.cards()];
    const state = { ...given, leases, prefix, addresses, cards, managed };
    const plan = planNetwork({ ...state, ...(seen === undefined ? {} : { seen }) });
    await driver.apply(plan.items, signal);
    replaceRows(store.networks, plan.networks);
    replaceRows(store.nics, plan.nics);
    return switched && plan.nics.values().some((nic) => nic.phase === "ready" && nic.address === "");
  }

  async #read(): Promise<Leases> {
    const bytes = await this.#parts.disk.read(leasesPath);
    if (bytes === undefined) return noLeases;
    try {
      // What an engine of an earlier version wrote has no networks.
      return { ...noLeases, ...(JSON.parse(new TextDecoder().decode(bytes)) as Leases) };
    } catch (error) {
      this.#parts.log.error("leases are unreadable; apps get new addresses", { error });
      return noLeases;
    }
  }

  async #write(leases: Leases): Promise<void> {
    await this.#parts.disk.writeDurable(leasesPath, new TextEncoder().encode(JSON.stringify(leases)));
  }
}

/** Apps that services lead to, and that take requests. */
function readyApps({ desired, apps }: EngineStore): Set<AppId> {
  const services = desired.get()?.services ?? [];
  const named = services.flatMap(({ ports, members }) => [...members, ...ports.flatMap((it) => it.targets)]);
  const ids = named.flatMap((target) => ("appId" in target ? [target.appId] : []));
  return new Set(ids.filter((id) => isReady(apps.get(id))));
}

export function isReady(app: AppStatus | undefined): boolean {
  return app?.report.conditions.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

function replaceRows<K extends string, V>(table: Table<K, V>, rows: ReadonlyMap<K, V>): void {
  for (const key of table.keys()) if (!rows.has(key)) table.delete(key);
  for (const [key, row] of rows) table.set(key, row);
}
