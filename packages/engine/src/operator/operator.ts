/**
 * Does with the node what its operators ask: carries out reboots and shutdowns once, keeps it in maintenance,
 * lets run what the profile allows. It stands between what the controller wants and what the domains see:
 *
 *   accepted ─► settings ─► operator ─► desired
 *                              ▲
 *          counters, profile, maintenance, commands
 */
import { type Clock, describeError, type Log, type Millis, minutes, seconds, sleep } from "@selvedge/base";
import { Alarm } from "../control/alarm.ts";
import type { Settings } from "../control/settings/settings.ts";
import type { DesiredState } from "../desired.ts";
import type { Cell, EngineStore } from "../engine-store.ts";
import type { Disk } from "../host/disk.ts";
import type { HostFacts, Vault } from "../ports.ts";
import { effective } from "./effective.ts";
import { mergePorts } from "./local-ports.ts";
import { decodeLocal, encodeLocal, type LocalRecord, nothingLocal } from "./local-record.ts";
import {
  atStart,
  type BootReason,
  type Command,
  decodeNode,
  dueCommand,
  type NodeRecord,
  newNode,
} from "./node-record.ts";
import { PowerError, type PowerSwitch } from "./power.ts";

export interface OperatorParts {
  /** As the controller has it; written by control's acceptor. */
  readonly accepted: Cell<DesiredState | undefined>;
  readonly store: EngineStore;
  readonly settings: Settings;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly host: Pick<HostFacts, "bootId" | "bootedAt" | "bootTrace">;
  readonly power: PowerSwitch;
  readonly vault: Pick<Vault, "state" | "onChange">;
  /** The node looks after its ports itself. */
  readonly managesPorts: boolean;
}

export type NodePhase = "online" | "rebooting" | "preparingPowerOff" | "preparedPowerOff" | "poweringOff";
/** Why a node is in maintenance. */
export type Trouble = "userRequested" | "lowDisk" | "quoteFailed" | "certsRefused" | "vaultLocked";

interface Order {
  readonly what: Command | "powerOff";
  readonly reason: string;
  readonly boot: BootReason;
}

const paths = { node: "operator/node.json", local: "operator/local.json" } as const;
/** How often is looked at what tells nobody: the disk, the silence of the network. */
const lookAround = seconds(60);
/** Apps have their own grace; the machine of one that hangs is ended with the box. */
const stopPatience = minutes(5);
const stopLook = seconds(1);
/** For the last report before the box goes down. */
const tellPause = seconds(5);
/** A box that is still there after this does not obey. */
const downPatience = minutes(10);
/** With less free than this the node could lose what it has to keep; twice this ends the trouble. */
const diskFloorBytes = 32 * 2 ** 20;
const diskFloorPart = 0.01;

export class Operator {
  readonly #parts: OperatorParts;
  readonly #alarm = new Alarm();
  readonly #listeners = new Set<() => void>();
  readonly #reports = new Map<Trouble, boolean>();
  #record: NodeRecord = newNode;
  #local: LocalRecord = nothingLocal;
  #phase: NodePhase = "online";
  #fault = "";
  #orders: Order[] = [];
  /** What was wanted when the maintenance began; undefined when it began before this start. */
  #before: DesiredState | undefined;
  readonly #startedAt: Millis;
  #heardAt: Millis;
  #proven = false;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#heardAt = this.#startedAt;
    parts.vault.onChange(() => this.#alarm.ring());
    parts.accepted.subscribe(() => {
      this.publish();
      this.#alarm.ring();
    });
  }

  async load(): Promise<void> {
    const { disk, host, log } = this.#parts;
    const stored = await disk.read(paths.node);
    const before = stored && decodeNode(stored);
    if (stored !== undefined && before === undefined)
      log.warn("what the node remembered of itself is unreadable");
    const now = atStart(before ?? newNode, { ...host, trace: host.bootTrace });
    this.#record = now;
    if (now !== before) await this.#saveNode();
    if (now.last !== undefined && now !== before)
      log.info("the box has booted", { boots: now.boots, reason: now.last.reason });
    if (now.prepared) this.#phase = "preparedPowerOff";
    const local = await disk.read(paths.local);
    if (local !== undefined) this.#local = decodeLocal(local) ?? nothingLocal;
  }

  get record(): NodeRecord {
    return this.#record;
  }

  get local(): LocalRecord {
    return this.#local;
  }

  get phase(): NodePhase {
    return this.#phase;
  }

  /** Why the last command was not carried out; empty when it was. */
  get fault(): string {
    return this.#fault;
  }

  get troubles(): readonly Trouble[] {
    const user = this.#userWantsMaintenance() ? (["userRequested"] as const) : [];
    return [...user, ...[...this.#reports].flatMap(([trouble, there]) => (there ? [trouble] : []))];
  }

  get profile(): string {
    return this.#local.profile ?? this.#parts.accepted.get()?.node?.profile ?? "";
  }

  /** Why wishes from beside the node for its ports are not followed, by label. */
  get portFaults(): ReadonlyMap<string, string> {
    const { accepted, managesPorts } = this.#parts;
    return mergePorts(accepted.get()?.ports, this.#local.ports, managesPorts).faults;
  }

  /** Tells of a trouble, or that it is over. */
  report(trouble: Exclude<Trouble, "userRequested">, there: boolean): void {
    if ((this.#reports.get(trouble) ?? false) === there) return;
    this.#reports.set(trouble, there);
    this.#parts.log[there ? "error" : "info"](there ? "the node is in maintenance" : "a trouble is over", {
      trouble,
    });
    this.publish();
  }

  /** The controller, or who stands in for it, answers. */
  heard(): void {
    const { clock, power, log } = this.#parts;
    this.#heardAt = clock.monotonic();
    if (this.#proven) return;
    this.#proven = true;
    power.proven?.().catch((error: unknown) => {
      log.error("nobody can be told that this system works", { error: describeError(error) });
    });
  }

  /** Somebody beside the node wants this of the whole box. */
  order(what: Order["what"], reason: string): void {
    this.#orders.push({ what, reason, boot: what === "reboot" ? "command" : "powerOff" });
    this.#alarm.ring();
  }

  /** Changes what is kept of local operators; on the disk when it resolves. */
  async changeLocal(change: (record: LocalRecord) => LocalRecord): Promise<void> {
    const next = change(this.#local);
    if (next === this.#local) return;
    this.#local = next;
    await this.#parts.disk.writeDurable(paths.local, encodeLocal(next));
    this.publish();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Gives the domains what they shall do now. */
  publish(): void {
    const { accepted, store, settings } = this.#parts;
    const wanted = accepted.get();
    if (wanted !== undefined) {
      const maintenance = this.troubles.length > 0;
      const goingDown = this.#phase !== "online";
      const { apps: local, bootOrders, ports, radioSilence } = this.#local;
      const mode = { profile: this.profile, maintenance, goingDown, settings: settings.inForce() };
      const beside = { local, bootOrders, ports, radioSilence, managed: this.#parts.managesPorts };
      if (!maintenance) this.#before = wanted;
      store.desired.set(effective(wanted, { ...mode, ...beside }, this.#before));
    }
    for (const listener of this.#listeners) listener();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      await this.#look(signal);
      if (this.#orders.length === 0) await this.#alarm.wait(clock, lookAround, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { settings, accepted, disk, clock, vault } = this.#parts;
    const { bytes, totalBytes } = await disk.free();
    const floor = Math.max(diskFloorBytes, totalBytes * diskFloorPart);
    this.report("lowDisk", bytes < floor * (this.#reports.get("lowDisk") ? 2 : 1));
    const upMs = clock.monotonic() - this.#startedAt;
    const locked = vault.state === "locked" && upMs > settings.seconds("timer.vault.ready.cutoff");
    this.report("vaultLocked", locked);
    await settings.save().catch((error: unknown) => {
      this.#parts.log.warn("config items cannot be kept", { error: describeError(error) });
    });
    const wishes = accepted.get()?.node;
    if (wishes !== undefined) {
      const { record, command } = dueCommand(this.#record, wishes);
      if (record !== this.#record) {
        // Known to be carried out before it is: a box that reboots for ever is the worse mistake.
        this.#record = record;
        await this.#saveNode();
      }
      const counter = command === "reboot" ? wishes.rebootCounter : wishes.shutdownCounter;
      if (command !== undefined) this.order(command, `${command} command ${counter} of the controller`);
    }
    const silence = clock.monotonic() - this.#heardAt;
    const longest = settings.seconds("timer.reboot.no.network");
    // A node of ours works for months with nobody to hear; only a configuration that asks for it gets this.
    if (settings.isSet("timer.reboot.no.network") && silence > longest) {
      this.#heardAt = clock.monotonic();
      const reason = `nobody answered for ${Math.floor(silence / 1000)} s`;
      this.#orders.push({ what: "reboot", reason, boot: "disconnect" });
    }
    const order = this.#orders.shift();
    if (order !== undefined) await this.#carryOut(order, signal);
  }

  async #carryOut(order: Order, signal: AbortSignal): Promise<void> {
    const { log, clock, power } = this.#parts;
    log.warn("the node goes down", { ...order });
    this.#enter(order.what === "reboot" ? "rebooting" : "preparingPowerOff");
    await this.#appsStopped(signal);
    if (order.what === "shutdown") {
      this.#record = { ...this.#record, prepared: true };
      await this.#saveNode();
      this.#enter("preparedPowerOff");
      return;
    }
    const { reason, boot } = order;
    this.#record = { ...this.#record, descent: { reason, boot, at: clock.now() } };
    await this.#saveNode();
    this.#enter(order.what === "reboot" ? "rebooting" : "poweringOff");
    await sleep(clock, tellPause, signal);
    try {
      await (order.what === "reboot" ? power.reboot() : power.powerOff());
      await sleep(clock, downPatience, signal);
      throw new PowerError(`the box did not go down in ${downPatience / 1000} s`);
    } catch (error) {
      signal.throwIfAborted();
      this.#fault = `${reason}: ${describeError(error)}`;
      log.error("the node stays up", { error: this.#fault });
      this.#record = { ...this.#record, descent: undefined };
      await this.#saveNode();
      this.#enter(this.#record.prepared ? "preparedPowerOff" : "online");
    }
  }

  async #appsStopped(signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#parts;
    const until = clock.monotonic() + stopPatience;
    const alive = (): boolean =>
      store.apps.entries().some(([, { state }]) => ["booting", "running", "halting"].includes(state));
    while (alive() && clock.monotonic() < until) await sleep(clock, stopLook, signal);
  }

  #enter(phase: NodePhase): void {
    this.#phase = phase;
    if (phase !== "online") this.#fault = "";
    this.publish();
  }

  #userWantsMaintenance(): boolean {
    const { settings, accepted } = this.#parts;
    const choice = settings.choice("maintenance.mode");
    return choice === "none" ? accepted.get()?.node?.maintenance === true : choice === "enabled";
  }

  async #saveNode(): Promise<void> {
    const text = JSON.stringify(this.#record);
    await this.#parts.disk.writeDurable(paths.node, new TextEncoder().encode(text));
  }
}
