/**
 * Config items in force. A value that cannot be leaves the last good one in force and says so, through
 * restarts as well; an item that the configuration has no more is EVE's default again.
 */
import { type LogLevel, type LogRecord, type Millis, seconds } from "@selvedge/base";
import type { DesiredState } from "../../desired.ts";
import type { Cell } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import {
  agentOf,
  isKnown,
  itemKeys,
  notApplied,
  readSwitch,
  usualValue,
  valueFault,
} from "./config-items.ts";
import type { Choice, ChoiceKey, NumberKey, SwitchKey, TextKey } from "./item-table.ts";

/** What became of one config item, as ZInfoConfigItem tells it. */
export interface SettingStatus {
  readonly value: string;
  readonly error: string;
}

export interface SettingStatuses {
  readonly known: Record<string, SettingStatus>;
  readonly unknown: Record<string, SettingStatus>;
}

/** Values in force that are not EVE's defaults, by key. */
const path = "control/settings.json";
/** EVE has 130; a controller that sends more than this of its own is told of these. */
const unknownMax = 100;
const shownMax = 256;

export class Settings {
  readonly #wanted: Cell<DesiredState | undefined>;
  /** Given, valid, and not undone since. */
  #good: ReadonlyMap<string, string> = new Map();
  #faults: ReadonlyMap<string, string> = new Map();
  readonly #listeners = new Set<() => void>();
  /** What the fitter gave, until a configuration comes. */
  #begun: ReadonlyMap<string, string> | undefined;
  #disk: Disk | undefined;
  #kept = "";
  /** Of the newest configuration; asked for once a minute, and by every report. */
  #status: SettingStatuses | undefined;

  readonly #hasKernelLog: boolean;

  /** Where the box is another's, the log of its kernel is, too. */
  constructor(
    wanted: Cell<DesiredState | undefined>,
    { kernelLog = true }: { readonly kernelLog?: boolean } = {},
  ) {
    this.#wanted = wanted;
    this.#hasKernelLog = kernelLog;
    this.#take();
    wanted.subscribe(() => this.#changed());
  }

  /** Holds until a configuration comes: for a box that has had none yet. */
  begin(items: ReadonlyMap<string, string>): void {
    this.#begun = items;
    this.#changed();
  }

  /** Remembers on this disk, and remembers from it, what was in force before this start. */
  async load(disk: Disk): Promise<void> {
    this.#disk = disk;
    const bytes = await disk.read(path);
    if (bytes === undefined) return;
    this.#kept = new TextDecoder().decode(bytes);
    try {
      const stored = JSON.parse(this.#kept) as Record<string, unknown>;
      this.#status = undefined;
      this.#good = new Map(
        Object.entries(stored).flatMap(([key, value]): [string, string][] =>
          typeof value === "string" && isKnown(key) && valueFault(key, value) === undefined
            ? [[key, value]]
            : [],
        ),
      );
    } catch {
      // A file that cannot be read is as none: the configuration is there, and its values with it.
    }
  }

  /** Writes what is in force, when it changed. */
  async save(): Promise<void> {
    const text = JSON.stringify(Object.fromEntries([...this.#good].sort()));
    if (this.#disk === undefined || text === this.#kept) return;
    await this.#disk.writeDurable(path, new TextEncoder().encode(text));
    this.#kept = text;
  }

  seconds(key: NumberKey): Millis {
    return seconds(this.number(key));
  }

  number(key: NumberKey): number {
    return Number(this.#value(key));
  }

  isOn(key: SwitchKey): boolean {
    return readSwitch(this.#value(key)) === true;
  }

  choice(key: ChoiceKey): Choice {
    return this.#value(key) as Choice;
  }

  text(key: TextKey): string {
    return this.#value(key);
  }

  /** All of them, by key. */
  inForce(): ReadonlyMap<string, string> {
    return new Map([
      ...itemKeys.map((key): [string, string] => [key, this.#notApplied(key)?.inForce ?? this.#value(key)]),
      ...[...this.#good].filter(([key]) => agentOf(key) !== undefined),
    ]);
  }

  /** Whether the configuration says anything valid about it. */
  isSet(key: NumberKey): boolean {
    return this.#good.has(key);
  }

  /** The level from which on lines of one part are kept: on the box, or for the controller. */
  level(part: string, where: "local" | "remote"): LogLevel | "none" {
    const item = where === "local" ? "debug.loglevel" : "debug.remote.loglevel";
    const names = agentsOf.get(part) ?? [];
    const own = [part, ...names].map((name) => this.#good.get(`agent.${name}.${item}`));
    const usual = where === "local" ? "debug.default.loglevel" : "debug.default.remote.loglevel";
    return levels[(own.find((text) => text !== undefined) ?? this.#value(usual)).toLowerCase()] ?? "info";
  }

  /** Whether a line of the log is for the box's own log, or for the controller. */
  keeps({ logger, level }: Pick<LogRecord, "logger" | "level">, where: "local" | "remote"): boolean {
    const least = this.level(logger.split(".")[1] ?? "", where);
    return least !== "none" && weights[level] >= weights[least];
  }

  /** After each configuration. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every item we know with the value in force; and those given that we do not know. */
  status(): SettingStatuses {
    this.#status ??= this.#readStatus();
    return this.#status;
  }

  #readStatus(): SettingStatuses {
    const given = this.#wanted.get()?.settings ?? new Map<string, string>();
    const known: Record<string, SettingStatus> = {};
    const agents = [...given.keys()].filter((key) => agentOf(key) !== undefined);
    for (const key of [...itemKeys, ...agents]) known[key] = this.#statusOf(key, given.get(key));
    const unknown = [...given]
      .filter(([key]) => !isKnown(key))
      .map(([key, value]) => [key, { value: value.slice(0, shownMax), error: "not known to this engine" }]);
    // The API has no better place for what else is not as the configuration has it.
    const unapplied = [...(this.#wanted.get()?.unapplied ?? [])].map(([field, why]) => [
      field,
      { value: "", error: `not supported: ${why}` },
    ]);
    return { known, unknown: Object.fromEntries([...unapplied, ...unknown].slice(0, unknownMax)) };
  }

  #statusOf(key: string, given: string | undefined): SettingStatus {
    const fault = this.#faults.get(key);
    const unusable = this.#notApplied(key);
    if (unusable === undefined) return { value: this.#value(key), error: fault ?? "" };
    const { why, inForce } = unusable;
    if (fault !== undefined) return { value: inForce, error: fault };
    const same = given === undefined || asRead(given) === asRead(inForce);
    return { value: inForce, error: same ? "" : `not supported: ${why}` };
  }

  #notApplied(key: string): ReturnType<typeof notApplied> {
    const ofKernel = !this.#hasKernelLog && key.startsWith("debug.kernel.");
    return ofKernel ? { why: "the box's own system has the kernel's log", inForce: "none" } : notApplied(key);
  }

  #value(key: string): string {
    return this.#good.get(key) ?? usualValue(key) ?? "";
  }

  #changed(): void {
    this.#take();
    for (const listener of this.#listeners) listener();
  }

  #take(): void {
    this.#status = undefined;
    const given = this.#wanted.get()?.settings ?? this.#begun;
    if (given === undefined) return;
    const good = new Map<string, string>();
    const faults = new Map<string, string>();
    for (const [key, value] of given) {
      if (!isKnown(key)) continue;
      const fault = valueFault(key, value);
      if (fault === undefined) good.set(key, value);
      else {
        faults.set(key, fault);
        const before = this.#good.get(key);
        if (before !== undefined) good.set(key, before);
      }
    }
    this.#good = good;
    this.#faults = faults;
  }
}

/** What reads settings of other domains asks for. */
export type NodeSettings = Pick<
  Settings,
  "seconds" | "number" | "isOn" | "choice" | "text" | "isSet" | "subscribe"
>;

function asRead(value: string): string {
  return String(readSwitch(value) ?? value);
}

/** EVE's parts by what does their work here: a level for either is a level for ours. */
const agentsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ["control", ["zedagent", "client", "nodeagent"]],
  ["app", ["domainmgr", "zedmanager"]],
  ["network", ["zedrouter", "nim"]],
  ["content", ["volumemgr", "downloader", "verifier"]],
]);

const weights: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

const levels: Readonly<Record<string, LogLevel | "none">> = {
  none: "none",
  panic: "error",
  fatal: "error",
  error: "error",
  warn: "warn",
  warning: "warn",
  info: "info",
  debug: "debug",
  trace: "debug",
  all: "debug",
};
