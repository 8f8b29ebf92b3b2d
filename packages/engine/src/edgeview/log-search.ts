/** Lines of the node's log, as EVE's client asks for them. Pure. */
import { formatRecord, hours, type Instant, type LogRecord } from "@selvedge/base";

export interface LogWish {
  /** Texts, with | between those of which one will do. */
  readonly pattern: string;
  /** `0-0.5` in hours before now, or two moments of RFC 3339. */
  readonly timerange: string;
  /** Lines before and after each that matches. */
  readonly around: number;
  /** Each over several lines. */
  readonly spread: boolean;
}

const linesMax = 5000;
const patternMax = 200;
const aroundMax = 50;
/** As EVE's client has it when nothing is said: the last half hour. */
const hoursDefault = 0.5;

export function searchLog(records: readonly LogRecord[], wish: LogWish, now: Instant): string {
  // What is looked for is a text: an expression could keep the node busy for ever.
  const texts = wish.pattern.slice(0, patternMax).split("|").map(RegExp.escape);
  const pattern = new RegExp(texts.join("|"), "i");
  const within = recordsOf(records, wish.timerange, now);
  const lines = within.map(formatRecord);
  const around = Math.min(aroundMax, Math.max(0, wish.around));
  const found = new Set<number>();
  for (const [at, line] of lines.entries())
    if (pattern.test(line))
      for (let near = at - around; near <= at + around; near++) if (near in lines) found.add(near);
  const chosen = [...found].sort((a, b) => a - b);
  const shown = chosen.slice(-linesMax).map((at) => lines[at] ?? "");
  const left = chosen.length - shown.length;
  const spread = (line: string): string => JSON.stringify(JSON.parse(line), undefined, 2);
  const all = wish.spread ? shown.map(spread) : shown;
  return [...(left > 0 ? [`(${left} more before)`] : []), ...all, ""].join("\n");
}

export function recordsOf(
  records: readonly LogRecord[],
  timerange: string,
  now: Instant,
): readonly LogRecord[] {
  const [newest, oldest] = boundsOf(timerange, now);
  return records.filter(({ at }) => Date.parse(at) >= oldest && Date.parse(at) <= newest);
}

function boundsOf(timerange: string, now: Instant): readonly [newest: number, oldest: number] {
  const moments = /^([\dT:.-]+Z)-([\dT:.-]+Z)$/.exec(timerange)?.slice(1).map(Date.parse) ?? [];
  const ends =
    moments.length === 2 && !moments.some(Number.isNaN)
      ? moments
      : hoursOf(timerange).map((it) => now - hours(1) * it);
  return [Math.max(...ends), Math.min(...ends)];
}

function hoursOf(timerange: string): number[] {
  const [, first = "0", last = String(hoursDefault)] = /^([\d.]+)-([\d.]+)$/.exec(timerange) ?? [];
  return [Number(first) || 0, Number(last) || hoursDefault];
}
