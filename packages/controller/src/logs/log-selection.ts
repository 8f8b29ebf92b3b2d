import type { LogOptions } from "@selvedge/apiserver";
import type { LogLine } from "./log-bundle.ts";

/** Which lines a request for logs wants, of lines in the order they were written. */
export function selectLines(lines: readonly LogLine[], options: LogOptions): readonly LogLine[] {
  const own = lines.filter(({ container }) => container === "" || container === options.container);
  const newest = own.reduce((most, { restart }) => Math.max(most, restart), 0);
  const wanted = options.previous ? newest - 1 : newest;
  const since = options.since === undefined ? undefined : BigInt(options.since) * 1_000_000n;
  const chosen = own.filter(({ restart, at }) => restart === wanted && (since === undefined || at >= since));
  return options.tailLines === undefined ? chosen : lastLines(chosen, options.tailLines);
}

/** The last whole lines, where a line that came in parts counts as one. */
function lastLines(lines: readonly LogLine[], count: number): readonly LogLine[] {
  let [left, from] = [count, lines.length];
  while (from > 0 && left > 0) {
    from--;
    if (lines[from - 1]?.partial !== true) left--;
  }
  return lines.slice(from);
}

/** A line as `kubectl logs` prints it. */
export function formatLine(line: LogLine, timestamps: boolean, continues: boolean): string {
  const stamp = timestamps && !continues ? `${formatNanos(line.at)} ` : "";
  return `${stamp}${line.text}${line.partial ? "" : "\n"}`;
}

/** RFC 3339 with nanoseconds, all nine digits of them, as kubelets write it. */
export function formatNanos(at: bigint): string {
  const whole = new Date(Number(at / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${whole}.${`${at % 1_000_000_000n}`.padStart(9, "0")}Z`;
}
