/** Points in time, in nanoseconds since 1970. */

const form = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d))?$/;

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

function floorDivide(value: bigint, by: bigint): bigint {
  const whole = value / by;
  return value % by < 0n ? whole - 1n : whole;
}

/** The same point as a calendar of the zone shows it, as if that were UTC. */
function inZone(nanos: bigint, zone: string): Date {
  const millis = Number(floorDivide(nanos, 1_000_000n));
  if (zone === "UTC" || zone === "") return new Date(millis);
  const offset = offsetMinutes(zone);
  if (!Number.isNaN(offset)) return new Date(millis + offset * 60_000);
  const parts = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
    ...{ hour: "numeric", minute: "numeric", second: "numeric" },
  }).formatToParts(millis);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const shown = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return new Date(shown + (((millis % 1000) + 1000) % 1000));
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
