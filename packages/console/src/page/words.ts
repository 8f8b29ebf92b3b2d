import type { Instant } from "@selvedge/base";

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** A length of time as a person says it: one unit, two where a day matters. */
export function spanText(milliseconds: number): string {
  // Clocks of two machines differ; nothing is ago in the future.
  const length = Math.max(0, Math.floor(milliseconds / 1000));
  if (length < minute) return `${length} s`;
  if (length < hour) return `${Math.floor(length / minute)} min`;
  if (length < 2 * day) return `${Math.floor(length / hour)} h`;
  if (length < 60 * day) return `${Math.floor(length / day)} days`;
  if (length < 700 * day) return `${Math.floor(length / (30 * day))} months`;
  return `${Math.floor(length / (365 * day))} years`;
}

/** How long ago a time of the API was; empty for none. */
export function sinceText(time: string | null | undefined, now: Instant): string {
  const at = timeOf(time);
  return at === undefined ? "" : spanText(now - at);
}

/** A time of the API, for `title`: of the reader's own calendar, with the zone said. */
export function fullTime(time: string | null | undefined): string {
  const at = timeOf(time);
  if (at === undefined) return "";
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

/** The time of day. */
export function clockText(at: Instant): string {
  return new Date(at).toLocaleTimeString();
}

export function timeOf(time: string | null | undefined): number | undefined {
  const at = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** `ConfigAccepted` as `Config accepted`: names of the API as words. */
export function spaced(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(" ")
    // What is written in capitals is an abbreviation.
    .map((word, at) => (at === 0 || /^[A-Z]{2}/.test(word) ? word : word.toLowerCase()));
  return words.join(" ");
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
