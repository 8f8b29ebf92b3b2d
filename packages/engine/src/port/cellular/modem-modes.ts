/** Which technologies a modem is to use, among those that it can be told. Pure. */
import type { RadioTechnology } from "./modem-state.ts";

/** What ModemManager calls them. */
const generations: Readonly<Record<RadioTechnology, string>> = {
  ...{ "5gnr": "5g", lte: "4g", umts: "3g", gsm: "2g" },
};

export interface ModemModes {
  /** As ModemManager writes it. */
  readonly text: string;
  readonly allowed: readonly string[];
  /** Empty: none of them. */
  readonly preferred: string;
}

/** Undefined: it is not written as we know it. */
export function parseModes(text: string): ModemModes | undefined {
  const [, allowed, preferred] = /^allowed: ([^;]+); preferred: (\S+)$/.exec(text) ?? [];
  if (allowed === undefined || preferred === undefined) return undefined;
  return { text, allowed: allowed.split(", "), preferred: preferred === "none" ? "" : preferred };
}

/**
 * The best of what it supports: with the fewest technologies that nobody wants, then with those wanted most, then
 * with the first of them preferred. Undefined where nothing is wanted, or it has none of what is.
 */
export function chooseModes(
  supported: readonly ModemModes[],
  wanted: readonly RadioTechnology[],
): ModemModes | undefined {
  const names = wanted.map((it) => generations[it]);
  const rank = ({ allowed, preferred }: ModemModes): number[] => [
    -allowed.filter((it) => !names.includes(it)).length,
    ...names.map((it) => Number(allowed.includes(it))),
    Number(preferred === names[0]),
  ];
  const able = supported.filter(({ allowed }) => names.some((it) => allowed.includes(it)));
  return able.toSorted((left, right) => compare(rank(right), rank(left)))[0];
}

export function modeArguments({ allowed, preferred }: ModemModes): string[] {
  return [
    `--set-allowed-modes=${allowed.join("|")}`,
    ...(preferred === "" ? [] : [`--set-preferred-mode=${preferred}`]),
  ];
}

function compare(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((value, index) => value !== right[index]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
