/** What Go says of a text that is no point in time, as RFC 3339 writes one. Pure. */

interface Part {
  /** What Go's layout calls it. */
  readonly layout: string;
  readonly pattern: RegExp;
  /** Of a number that may be too large. */
  readonly range?: readonly [name: string, least: number, most: number];
}

const two = /^\d\d/;
const parts: readonly Part[] = [
  { layout: "2006", pattern: /^\d{4}/ },
  { layout: "-", pattern: /^-/ },
  { layout: "01", pattern: two, range: ["month", 1, 12] },
  { layout: "-", pattern: /^-/ },
  { layout: "02", pattern: two },
  { layout: "T", pattern: /^T/ },
  { layout: "15", pattern: two, range: ["hour", 0, 23] },
  { layout: ":", pattern: /^:/ },
  { layout: "04", pattern: two, range: ["minute", 0, 59] },
  { layout: ":", pattern: /^:/ },
  { layout: "05", pattern: two, range: ["second", 0, 59] },
  // Of microseconds too: clients write fewer digits, or none, and mean it.
  { layout: "", pattern: /^([.,]\d+)?/ },
  { layout: "Z07:00", pattern: /^(Z|[+-]\d\d:\d\d)/ },
];

export function goTimeFault(text: string, micro = false): string | undefined {
  const value = JSON.stringify(text);
  const whole = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
  let rest = text;
  for (const { layout, pattern, range } of parts) {
    const found = pattern.exec(rest)?.[0];
    const why = `cannot parse ${JSON.stringify(rest)} as "${layout}"`;
    if (found === undefined) return `parsing time ${value} as "${whole}": ${why}`;
    const [name = "", least = 0, most = 0] = range ?? [];
    if (name !== "" && (Number(found) < least || Number(found) > most))
      return `parsing time ${value}: ${name} out of range`;
    rest = rest.slice(found.length);
  }
  if (rest !== "") return `parsing time ${value}: extra text: ${JSON.stringify(rest)}`;
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  const last = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  return day < 1 || day > last ? `parsing time ${value}: day out of range` : undefined;
}
