/** Points in time, in nanoseconds since 1970. */
import { EvaluationError } from "./values.ts";

const form = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d))?$/;

/** The first and the last that there are: the years 1 and 9999. */
export const timestampMin: bigint = -62_135_596_800_000_000_000n;
export const timestampMax: bigint = 253_402_300_799_999_999_999n;

const goForm = /^(\d{4}-\d\d-\d\dT)(\d{1,2})(:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 as Go reads it: an hour of one digit and a comma will do, letters that are small will not. */
export function parseGoTimestamp(text: string): bigint | undefined {
  const match = goForm.exec(text);
  if (match === null) return undefined;
  const [, date = "", hour = "", minutes = "", fraction = "", zone = ""] = match;
  if (zone !== "Z" && (Number(zone.slice(1, 3)) > 24 || Number(zone.slice(4)) > 60)) return undefined;
  const part = fraction === "" ? "" : `.${fraction.slice(0, 9)}`;
  return parseTimestamp(`${date}${hour.padStart(2, "0")}${minutes}${part}${zone}`);
}

/** RFC 3339, or a date alone. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const fits = at.getUTCMonth() === Number(month) - 1 && at.getUTCDate() === Number(day);
  if (!fits || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  at.setUTCHours(Number(hour), Number(minute), Number(second));
  const shift = /^[Zz]$/.test(zone) ? 0 : offsetMinutes(zone);
  const nanos = BigInt(fraction.padEnd(9, "0"));
  return (BigInt(at.getTime()) - BigInt(shift) * 60_000n) * 1_000_000n + nanos;
}

function offsetMinutes(zone: string): number {
  const match = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (match === null) return Number.NaN;
  const [, sign, hours, minutes] = match;
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

export function formatTimestamp(nanos: bigint): string {
  const [millis, rest] = [
    floorDivide(nanos, 1_000_000n),
    ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n,
  ];
  const fraction = rest.toString().padStart(9, "0").replace(/0+$/, "");
  const whole = new Date(Number(millis)).toISOString().slice(0, 19);
  return `${whole}${fraction === "" ? "" : `.${fraction}`}Z`;
}

export function floorDivide(value: bigint, by: bigint): bigint {
  const whole = value / by;
  return value % by < 0n ? whole - 1n : whole;
}

/** The same point as a calendar of the zone shows it, as if that were UTC. */
function inZone(nanos: bigint, zone: string): Date {
  const millis = Number(floorDivide(nanos, 1_000_000n));
  if (zone === "UTC" || zone === "" || zone === "Local") return new Date(millis);
  if (zone.includes(":")) return new Date(millis + zoneMinutes(zone) * 60_000);
  const parts = calendarOf(zone).formatToParts(millis);
  const text = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  const of = (type: string): number => Number(text(type));
  const shown = new Date(0);
  const year = text("era").startsWith("B") ? 1 - of("year") : of("year");
  shown.setUTCFullYear(year, of("month") - 1, of("day"));
  shown.setUTCHours(of("hour"), of("minute"), of("second"), ((millis % 1000) + 1000) % 1000);
  return shown;
}

/** `5:30`, `-08:00`: hours and minutes, however many digits they have. */
function zoneMinutes(zone: string): number {
  const [hours = "", ...rest] = zone.split(":");
  const parts = [hours, rest.join(":")];
  const bad = parts.find((part) => !/^[+-]?\d{1,9}$/.test(part));
  if (bad !== undefined)
    throw new EvaluationError(`strconv.Atoi: parsing ${JSON.stringify(bad)}: invalid syntax`);
  const [hour = 0, minute = 0] = parts.map(Number);
  return hour * 60 + (zone.startsWith("-") ? -minute : minute);
}

const zoneName = /^[A-Z][\w+-]*(\/[A-Z][\w+-]*)*$/;

function calendarOf(zone: string): Intl.DateTimeFormat {
  try {
    if (!zoneName.test(zone)) throw new RangeError("it is no name");
    return new Intl.DateTimeFormat("en-US", {
      ...{
        timeZone: zone,
        hourCycle: "h23",
        era: "short",
        year: "numeric",
        month: "numeric",
        day: "numeric",
      },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  } catch (error) {
    throw new EvaluationError(`unknown time zone ${zone}`, { cause: error });
  }
}

function part(of: (date: Date) => number): (nanos: bigint, zone: string) => bigint {
  return (nanos, zone) => BigInt(of(inZone(nanos, zone)));
}

/** What can be asked of a timestamp. */
export const timeParts: Readonly<Record<string, (nanos: bigint, zone: string) => bigint>> = {
  getFullYear: part((date) => date.getUTCFullYear()),
  getMonth: part((date) => date.getUTCMonth()),
  getDate: part((date) => date.getUTCDate()),
  getDayOfMonth: part((date) => date.getUTCDate() - 1),
  getDayOfWeek: part((date) => date.getUTCDay()),
  getDayOfYear: part((date) =>
    Math.floor(
      (Date.UTC(2000, date.getUTCMonth(), date.getUTCDate(), 0) - Date.UTC(2000, 0, 1)) / 86_400_000 -
        (date.getUTCMonth() > 1 && !isLeap(date.getUTCFullYear()) ? 1 : 0),
    ),
  ),
  getHours: part((date) => date.getUTCHours()),
  getMinutes: part((date) => date.getUTCMinutes()),
  getSeconds: part((date) => date.getUTCSeconds()),
  getMilliseconds: part((date) => date.getUTCMilliseconds()),
};

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}
