/**
 * Schedules of CronJobs: five fields as cron has them, `@hourly` and its like, `@every 90m`. A schedule is
 * followed on the clock of a time zone, so that `0 2 * * *` is two o'clock there in summer and winter.
 */
import { type Instant, instant, toRfc3339 } from "@selvedge/base";

/** When a schedule is due next after a moment; undefined: never within five years. */
export interface CronSchedule {
  next(after: Instant): Instant | undefined;
}

interface Fields {
  readonly minute: ReadonlySet<number>;
  readonly hour: ReadonlySet<number>;
  readonly day: ReadonlySet<number>;
  readonly month: ReadonlySet<number>;
  readonly weekday: ReadonlySet<number>;
  /** Whether days and weekdays are both restricted: then either will do. */
  readonly anyDay: boolean;
}

const names: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const minuteMs = 60_000;
/** As upstream: a schedule that is due in no five years, such as 30 February, never is. */
const yearsMax = 5;
const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

export class CronError extends Error {
  override readonly name = "CronError";
}

/** Throws a CronError that says what is wrong. */
export function parseCron(text: string, timeZone = "UTC"): CronSchedule {
  const trimmed = text.trim();
  if (trimmed === "") throw new CronError("empty spec string");
  if (trimmed.startsWith("@every ")) return every(trimmed.slice("@every ".length));
  const spec = trimmed.startsWith("@") ? names[trimmed] : trimmed;
  if (spec === undefined) throw new CronError(`unrecognized descriptor: ${trimmed}`);
  const fields = parseFields(spec);
  const zone = new Zone(timeZone);
  return { next: (after) => nextOf(fields, zone, after) };
}

function every(text: string): CronSchedule {
  let span = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) {
    span += Number(amount) * (units[unit ?? ""] ?? 0);
  }
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text))
    throw new CronError(`failed to parse duration @every ${text}`);
  const seconds = Math.max(1000, Math.floor(span / 1000) * 1000);
  return { next: (after) => instant(Math.floor(after / 1000) * 1000 + seconds) };
}

function parseFields(spec: string): Fields {
  const parts = spec.split(/\s+/);
  if (parts.length !== 5)
    throw new CronError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(" ")}]`);
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = parts;
  const open = (field: string): boolean => /^[*?](\/1)?$/.test(field);
  return {
    minute: parseField(minute, 0, 59),
    hour: parseField(hour, 0, 23),
    day: parseField(day, 1, 31),
    month: parseField(month, 1, 12, months),
    weekday: parseField(weekday, 0, 6, weekdays),
    anyDay: !open(day) && !open(weekday),
  };
}

function parseField(field: string, low: number, high: number, words: readonly string[] = []): Set<number> {
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step, ...more] = part.split("/");
    const [from = "", to, ...rest] = range.split("-");
    if (more.length > 0) throw new CronError(`too many slashes: ${part}`);
    if (rest.length > 0) throw new CronError(`too many hyphens: ${part}`);
    const isAll = from === "*" || from === "?";
    const first = isAll ? low : numberOf(from, low, words);
    const by = step === undefined ? 1 : numberOf(step, 0, []);
    // `5/15` goes on to the end.
    const last =
      isAll || (to === undefined && step !== undefined)
        ? high
        : to === undefined
          ? first
          : numberOf(to, low, words);
    if (first < low) throw new CronError(`beginning of range (${first}) below minimum (${low}): ${part}`);
    if (last > high) throw new CronError(`end of range (${last}) above maximum (${high}): ${part}`);
    if (first > last)
      throw new CronError(`beginning of range (${first}) beyond end of range (${last}): ${part}`);
    if (by === 0) throw new CronError(`step of range should be a positive number: ${part}`);
    for (let value = first; value <= last; value += by) found.add(value);
  }
  return found;
}

function numberOf(text: string, low: number, words: readonly string[]): number {
  const word = words.indexOf(text.toLowerCase());
  if (word >= 0) return word + low;
  if (!/^\d+$/.test(text)) throw new CronError(`failed to parse int from ${text}`);
  return Number(text);
}

/** Walks over the wall clock: whole months, days and hours that cannot be are passed over at once. */
function nextOf(fields: Fields, zone: Zone, after: Instant): Instant | undefined {
  let wall = Math.floor((zone.wall(after) + minuteMs) / minuteMs) * minuteMs;
  const end = new Date(wall).getUTCFullYear() + yearsMax;
  for (;;) {
    const at = new Date(wall);
    if (at.getUTCFullYear() > end) return undefined;
    if (!fields.month.has(at.getUTCMonth() + 1))
      wall = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
    else if (!isDay(fields, at)) wall = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + 1);
    else if (!fields.hour.has(at.getUTCHours())) wall = Math.floor(wall / 3_600_000) * 3_600_000 + 3_600_000;
    else if (!fields.minute.has(at.getUTCMinutes())) wall += minuteMs;
    else {
      const found = zone.instant(wall);
      // An hour that the change to summer time skips, or one that winter time repeats.
      if (found !== undefined && found > after) return instant(found);
      wall += minuteMs;
    }
  }
}

function isDay({ day, weekday, anyDay }: Fields, at: Date): boolean {
  const [byDate, byWeek] = [day.has(at.getUTCDate()), weekday.has(at.getUTCDay())];
  return anyDay ? byDate || byWeek : byDate && byWeek;
}

/** Between moments and what the clocks of a place show, as if that were UTC. */
class Zone {
  readonly #format: Intl.DateTimeFormat | undefined;

  constructor(timeZone: string) {
    this.#format = timeZone === "UTC" ? undefined : formatFor(timeZone);
  }

  wall(at: number): number {
    if (this.#format === undefined) return at;
    const parts = Object.fromEntries(
      this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000);
  }

  /** The first moment at which the clocks show this; undefined when they skip it. */
  instant(wall: number): number | undefined {
    if (this.#format === undefined) return wall;
    const day = 86_400_000;
    const offsets = [wall - day, wall + day].map((at) => this.wall(at) - at);
    const found = offsets.map((offset) => wall - offset).filter((at) => this.wall(at) === wall);
    return found.length === 0 ? undefined : Math.min(...found);
  }
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const digits = "2-digit";
  return new Intl.DateTimeFormat("en-US", {
    ...{ timeZone, hourCycle: "h23", era: undefined, year: "numeric", month: digits, day: digits },
    ...{ hour: digits, minute: digits, second: digits },
  });
}

/** A moment as the clocks of a place show it: `2026-01-01T09:00:00+01:00`. */
export function zonedTime(at: Instant, timeZone = "UTC"): string {
  const offset = Math.round((new Zone(timeZone).wall(at) - at) / minuteMs);
  if (offset === 0) return toRfc3339(at);
  const [hours, rest] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const two = (number: number): string => `${number}`.padStart(2, "0");
  const local = toRfc3339(instant(at + offset * minuteMs));
  return local.replace("Z", `${offset < 0 ? "-" : "+"}${two(hours)}:${two(rest)}`);
}

export function isTimeZone(name: string): boolean {
  try {
    formatFor(name);
    return true;
  } catch {
    return false;
  }
}
