/**
 * A figure is one thing that nodes measure, as it is shown: under Prometheus' names at /metrics, under
 * OpenTelemetry's where its conventions have one. What it is made of is a node's word: as many things of a kind
 * as a box may have, names as long as a name may be, each combination of labels once.
 */
import type { MetricFamily, MetricSample } from "@selvedge/base";

export type Reading = readonly [labels: readonly string[], value: number];

/** OpenTelemetry's words for a figure. */
export interface Convention {
  readonly name: string;
  /** In UCUM. */
  readonly unit: string;
  /** What its labels are called there, in their order. */
  readonly attributes: readonly string[];
  /** It goes up and down, and those of several things add up to one of all. */
  readonly adds?: boolean;
}

export interface Figure<Of> {
  /** Without what it is of; ends in its unit, and in `_total` when it only grows. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly convention: Convention;
  readonly read: (of: Of) => Iterable<Reading>;
}

export function isCounter({ name }: Pick<Figure<never>, "name">): boolean {
  return name.endsWith("_total");
}

/** Makes figures of one scope, which is the middle of their names. */
export function figuresOf<Of>(scope: string) {
  return (
    name: string,
    help: string,
    labels: readonly string[],
    read: Figure<Of>["read"],
    known?: Partial<Convention>,
  ): Figure<Of> => {
    const convention = { ...ownConvention(scope, name, labels), ...known };
    return { name: `selvedge_${scope}_${name}`, help, labels, convention, read };
  };
}

const units: readonly (readonly [ending: RegExp, unit: string])[] = [
  [/_bytes$/, "By"],
  [/_seconds$/, "s"],
  [/_cores$/, "{cpu}"],
  [/_dbm$/, "dBm"],
  [/_db$/, "dB"],
];

/** Where there is no convention: a name in our own part of theirs, without the unit, which is said apart. */
function ownConvention(scope: string, name: string, labels: readonly string[]): Convention {
  const bare = name
    .replace(/_total$/, "")
    .replace(/^(.*)_bytes$/, (all, rest) => (name === all ? all : `${rest}_io`));
  const [ending, unit] = units.find(([pattern]) => pattern.test(name.replace(/_total$/, ""))) ?? [/$/, "1"];
  return {
    ...{ name: `selvedge.${scope}.${bare.replace(ending, "")}`, unit },
    attributes: labels.map((label) => attributes[label] ?? `selvedge.${label}`),
  };
}

/** What labels are called by convention, wherever they are. */
const attributes: Readonly<Record<string, string>> = {
  ...{ port: "network.interface.name", interface: "network.interface.name", container: "k8s.container.name" },
  ...{
    direction: "network.io.direction",
    process: "process.executable.name",
    mount: "system.filesystem.mountpoint",
  },
};

/** What values are called by convention. */
const values: Readonly<Record<string, string>> = { received: "receive", sent: "transmit" };

export function attributeValue(label: string, value: string): string {
  return label === "direction" ? (values[value] ?? value) : value;
}

/** As long as names of things are; a node may send any. */
const nameMax = 63;

export function nameOf(text: string): string {
  return text.slice(0, nameMax).toWellFormed();
}

/** One figure without labels, or none. */
export function one(value: number | bigint | undefined, unit = 1): Reading[] {
  return value === undefined ? [] : [[[], Number(value) * unit]];
}

/** What is a time, in seconds since 1970. */
export function timeOf(time: { readonly seconds: bigint } | undefined): Reading[] {
  return one(time?.seconds);
}

/** Of several things of a node, as many as a box may have. */
export function each<T>(things: readonly T[], max: number, read: (thing: T) => Iterable<Reading>): Reading[] {
  return things.slice(0, max).flatMap((thing) => [...read(thing)]);
}

/** What came in and what went out. */
export function ways(names: readonly string[], received: bigint, sent: bigint): Reading[] {
  return [
    [[...names, "received"], Number(received)],
    [[...names, "sent"], Number(sent)],
  ];
}

/** The samples of a figure, each combination of labels once: a page with one twice is refused whole. */
export function samplesOf<Of>(figure: Figure<Of>, of: Of, before: readonly string[]): MetricSample[] {
  const found = new Map<string, MetricSample>();
  for (const [labels, value] of figure.read(of)) {
    // What is no number, or beyond all of them, is none that OpenTelemetry's JSON can say.
    if (!Number.isFinite(value)) continue;
    const all = [...before, ...labels];
    const key = all.join("\u0000");
    if (!found.has(key)) found.set(key, { type: "number", labels: all, value });
  }
  return [...found.values()];
}

/** A figure as a page shows it, with the labels that say whose it is before its own. */
export function familyOf(
  { name, help, labels, ...figure }: Figure<never>,
  before: readonly string[],
  samples: readonly MetricSample[],
): MetricFamily {
  const kind = isCounter({ name, ...figure }) ? "counter" : "gauge";
  return { ...{ name, help, kind, samples }, labels: [...before, ...labels] };
}
