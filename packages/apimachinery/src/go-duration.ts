/** Durations as Go writes them: `1h30m`, `-1.5s`, `300ms`. In nanoseconds. */

const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const int64Max = 2n ** 63n;
/** Longer than any duration that fits 64 bits needs. */
const textMax = 128;

/** Undefined when the text is no duration. */
export function parseDuration(text: string): bigint | undefined {
  const match = /^([+-]?)(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null || text.length > textMax) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of text.matchAll(
    /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    const scale = units[unit] ?? 0n;
    total += BigInt(whole || "0") * scale;
    if (fraction !== "") total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > int64Max) return undefined;
  return match[1] === "-" ? -total : total;
}

/** The shortest form, as Go's String() gives it. */
export function formatDuration(nanos: bigint): string {
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  if (size === 0n) return "0s";
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`;
  const seconds = decimal(size % 60_000_000_000n, 9);
  const minutes = size / 60_000_000_000n;
  const hours = minutes / 60n;
  const rest = minutes > 0n ? `${hours > 0n ? minutes % 60n : minutes}m` : "";
  return `${sign}${hours > 0n ? `${hours}h` : ""}${rest}${seconds}s`;
}

function decimal(value: bigint, places: number): string {
  const scale = 10n ** BigInt(places);
  const fraction = (value % scale).toString().padStart(places, "0").replace(/0+$/, "");
  return `${value / scale}${fraction === "" ? "" : `.${fraction}`}`;
}
