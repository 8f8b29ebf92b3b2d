/**
 * The engine's own log on its way to the controller: a buffer in memory, closed into gzip files by size or
 * age, kept on the disk until they are uploaded. Both are bounded; what falls off is counted and said.
 */
import {
  type Clock,
  formatFields,
  instant,
  type LogLevel,
  type LogRecord,
  type Millis,
  millis,
  minutes,
  seconds,
} from "@selvedge/base";
import type { Disk } from "../../host/disk.ts";
import type { Settings } from "../settings/settings.ts";
import { bundleAim, bundleMax, type LogEntry, logBundle, logLine } from "./log-bundle.ts";
import { LogCounts } from "./log-counts.ts";

export interface DeviceLogParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly engineVersion: string;
  readonly settings: Pick<Settings, "number" | "isOn">;
}

const folder = "control/device-log";
/** Text compresses about tenfold. */
const textMax = bundleAim * 8;
const ageMax = minutes(5);
/** With `newlog.allow.fastupload`. */
const fastAgeMax = seconds(10);
/** About a week of an unreachable controller at the engine's pace, and little on any disk. */
const filesMax = 200;
/** A window of EVE's is counted in lines; more of them would be memory for nothing. */
const windowMax = 1000;

/** EVE's (syslog's) words. */
const severities: Readonly<Record<LogLevel, string>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "err",
};

export class DeviceLog {
  readonly #parts: DeviceLogParts;
  #lines: string[] = [];
  #textLength = 0;
  #since = 0;
  #messages = 0;
  #dropped = 0;
  readonly counts: LogCounts = new LogCounts();
  #next: number | undefined;
  /** The newest lines, for the window. */
  readonly #said: string[] = [];

  constructor(parts: DeviceLogParts) {
    this.#parts = parts;
  }

  /** A log sink. */
  readonly write = (record: LogRecord): void => {
    const { message, level, logger, fields } = record;
    const content = Object.keys(fields).length === 0 ? message : `${message} ${formatFields(fields)}`;
    if (this.#wasSaid(`${logger} ${content}`)) return;
    this.add({ severity: severities[level], source: logger, content, at: instant(Date.parse(record.at)) });
  };

  /** What others than the engine say of the box, in EVE's words. */
  add(entry: Pick<LogEntry, "severity" | "source" | "content" | "at">): void {
    const line = logLine({ ...entry, iid: "", msgid: ++this.#messages, tags: {}, function: "" });
    if (this.#lines.length === 0) this.#since = this.#parts.clock.monotonic();
    this.#lines.push(line);
    this.counts.device.events++;
    this.counts.device.writtenBytes += line.length;
    this.#textLength += line.length;
    // Nobody has come to close the file: the disk may be full. The oldest go.
    while (this.#textLength > 2 * textMax) {
      this.#textLength -= this.#lines.shift()?.length ?? 0;
      this.#dropped++;
    }
  }

  /** When the buffer is old enough to be closed; undefined while it is empty. */
  get closesIn(): Millis | undefined {
    if (this.#lines.length === 0) return undefined;
    const longest = this.#parts.settings.isOn("newlog.allow.fastupload") ? fastAgeMax : ageMax;
    return millis(Math.max(0, this.#since + longest - this.#parts.clock.monotonic()));
  }

  /** Closes the buffer into a file when it is large or old enough; true when it did. */
  async rotate(node: string, now: boolean): Promise<boolean> {
    const { clock, disk, engineVersion } = this.#parts;
    const due = this.#textLength >= textMax || this.closesIn === 0 || now;
    if (this.#lines.length === 0 || !due) return false;
    const names = await this.#names();
    this.#next ??= Number(names.at(-1)?.split(".")[0] ?? 0) + 1;
    const lines = this.#lines.slice();
    const make = (some: readonly string[]): Uint8Array =>
      logBundle({ kind: "device", node, version: engineVersion }, some, clock.now());
    for (const part of bundles(lines, make)) {
      const name = `${String(this.#next++).padStart(10, "0")}.gz`;
      await disk.append(`${folder}/${name}`, part);
      names.push(name);
    }
    // Only now: a disk that is full keeps them in memory, where they are bounded too.
    this.#lines.splice(0, lines.length);
    this.#textLength = this.#lines.reduce((sum, { length }) => sum + length, 0);
    this.#since = clock.monotonic();
    while (names.length > this.#filesMax()) {
      await disk.remove(`${folder}/${names.shift()}`);
      this.counts.removedFiles++;
      this.#dropped++;
    }
    this.counts.waitingFiles = names.length;
    return true;
  }

  /** How many lines or files were lost to the bounds. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The oldest file that waits. */
  async oldest(): Promise<{ name: string; bytes: Uint8Array; waiting: number } | undefined> {
    const names = await this.#names();
    this.counts.waitingFiles = names.length;
    const [name] = names;
    if (name === undefined) return undefined;
    const bytes = await this.#parts.disk.read(`${folder}/${name}`);
    return bytes && { name, bytes, waiting: names.length };
  }

  async sent(name: string): Promise<void> {
    await this.#parts.disk.remove(`${folder}/${name}`);
    this.counts.waitingFiles = Math.max(0, this.counts.waitingFiles - 1);
  }

  /** Files are at most this large, so their number bounds the disk. */
  #filesMax(): number {
    const bytes = this.#parts.settings.number("newlog.gzipfiles.ondisk.maxmegabytes") * 2 ** 20;
    return Math.max(1, Math.min(filesMax, Math.floor(bytes / bundleMax)));
  }

  /** Whether the same was said within the window that the settings give; without one nothing was. */
  #wasSaid(text: string): boolean {
    const size = Math.min(this.#parts.settings.number("log.dedup.window.size"), windowMax);
    const there = size > 0 && this.#said.includes(text);
    if (size > 0 && !there) this.#said.push(text);
    while (this.#said.length > size) this.#said.shift();
    return there;
  }

  async #names(): Promise<string[]> {
    return (await this.#parts.disk.list(folder)).filter((name) => /^\d{10}\.gz$/.test(name)).sort();
  }
}

/** As few bundles as fit under the bound, halving what does not. */
export function bundles(
  lines: readonly string[],
  make: (lines: readonly string[]) => Uint8Array,
): Uint8Array[] {
  if (lines.length === 0) return [];
  const whole = make(lines);
  if (whole.length <= bundleMax || lines.length === 1) return whole.length <= bundleMax ? [whole] : [];
  const middle = Math.ceil(lines.length / 2);
  return [...bundles(lines.slice(0, middle), make), ...bundles(lines.slice(middle), make)];
}
