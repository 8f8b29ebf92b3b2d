/**
 * Figures a program keeps of itself, and their text form (Prometheus' exposition format 0.0.4). Counters and
 * histograms are added to where things happen; gauges are asked when somebody looks, so that a figure which
 * nobody reads costs nothing.
 */

export type MetricKind = "counter" | "gauge" | "histogram";

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly labels: readonly string[];
  readonly samples: readonly MetricSample[];
}

export type MetricSample =
  | { readonly type: "number"; readonly labels: readonly string[]; readonly value: number }
  | {
      readonly type: "histogram";
      readonly labels: readonly string[];
      readonly bounds: readonly number[];
      /** One more than there are bounds: the last is what was above all of them. Not cumulative. */
      readonly counts: readonly number[];
      readonly sum: number;
    };

export interface Counter {
  add(labels: readonly string[], amount?: number): void;
}

export interface Histogram {
  observe(labels: readonly string[], value: number): void;
}

/** Values of one gauge: its labels' values in the order of their names, and the figure. */
export type Readings = Iterable<readonly [labels: readonly string[], value: number]>;

/** Combinations of labels one family may have: what comes after is counted under "other" in every label. */
const seriesMax = 2_000;
const other = "other";

export class MetricRegistry {
  readonly #families = new Map<string, { read(): MetricFamily }>();
  readonly #parts = new Set<Pick<MetricRegistry, "families">>();

  /** The name ends in `_total`, as is usual. */
  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    const series = new Series<{ value: number }>(labels, () => ({ value: 0 }));
    this.#add(name, () => ({
      ...{ name, help, labels, kind: "counter" },
      samples: series.entries().map(([values, { value }]) => ({ type: "number", labels: values, value })),
    }));
    return {
      add: (values, amount = 1) => {
        series.at(values).value += amount;
      },
    };
  }

  histogram(name: string, help: string, labels: readonly string[], bounds: readonly number[]): Histogram {
    const fresh = (): { counts: number[]; sum: number } => ({
      counts: Array.from({ length: bounds.length + 1 }, () => 0),
      sum: 0,
    });
    const series = new Series(labels, fresh);
    this.#add(name, () => ({
      ...{ name, help, labels, kind: "histogram" },
      samples: series.entries().map(([values, { counts, sum }]) => ({
        ...{ type: "histogram", labels: values, bounds, counts: [...counts], sum },
      })),
    }));
    return {
      observe: (values, value) => {
        const one = series.at(values);
        const found = bounds.findIndex((bound) => value <= bound);
        const at = found < 0 ? bounds.length : found;
        one.counts[at] = (one.counts[at] ?? 0) + 1;
        one.sum += value;
      },
    };
  }

  /** A figure that goes up and down, asked when somebody looks. */
  gauge(name: string, help: string, labels: readonly string[], read: () => Readings): void {
    this.#asked("gauge", name, help, labels, read);
  }

  /** A figure that only grows and is counted elsewhere already. */
  counted(name: string, help: string, labels: readonly string[], read: () => Readings): void {
    this.#asked("counter", name, help, labels, read);
  }

  families(): MetricFamily[] {
    const own = [...this.#families.values()].map((family) => family.read());
    return [...own, ...[...this.#parts].flatMap((part) => part.families())];
  }

  /** Shows the figures of a part of the program too, which comes and goes. Returns how to stop. */
  include(part: Pick<MetricRegistry, "families">): () => void {
    this.#parts.add(part);
    return () => void this.#parts.delete(part);
  }

  #asked(
    kind: "counter" | "gauge",
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Readings,
  ): void {
    this.#add(name, () => {
      const samples: MetricSample[] = [];
      for (const [values, value] of read()) {
        if (samples.length >= seriesMax) break;
        samples.push({ type: "number", labels: values, value });
      }
      return { name, help, kind, labels, samples };
    });
  }

  #add(name: string, read: () => MetricFamily): void {
    if (this.#families.has(name)) throw new Error(`the metric ${name} exists already`);
    this.#families.set(name, { read });
  }
}

/** What is kept for each combination of labels. */
class Series<T> {
  readonly #labels: readonly string[];
  readonly #fresh: () => T;
  readonly #all = new Map<string, readonly [labels: readonly string[], value: T]>();

  constructor(labels: readonly string[], fresh: () => T) {
    this.#labels = labels;
    this.#fresh = fresh;
  }

  at(values: readonly string[]): T {
    const key = values.join("\u0000");
    const found = this.#all.get(key);
    if (found !== undefined) return found[1];
    const others = this.#labels.map(() => other);
    const isFull = this.#all.size >= seriesMax - 1;
    if (isFull && key !== others.join("\u0000")) return this.at(others);
    const entry = [[...values], this.#fresh()] as const;
    this.#all.set(key, entry);
    return entry[1];
  }

  entries(): (readonly [labels: readonly string[], value: T])[] {
    return [...this.#all.values()];
  }
}

/** `text/plain; version=0.0.4`, as every scraper reads it. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

export function formatMetrics(families: readonly MetricFamily[]): string {
  return families.map(formatFamily).join("");
}

function formatFamily({ name, help, kind, labels, samples }: MetricFamily): string {
  const lines = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${kind}`];
  for (const sample of samples) {
    const own = labels.map((label, index) => pair(label, sample.labels[index] ?? ""));
    if (sample.type === "number") {
      lines.push(`${name}${braces(own)} ${formatNumber(sample.value)}`);
      continue;
    }
    let below = 0;
    for (const [index, count] of sample.counts.entries()) {
      below += count;
      const bound = sample.bounds[index] ?? Number.POSITIVE_INFINITY;
      lines.push(`${name}_bucket${braces([...own, pair("le", formatNumber(bound))])} ${below}`);
    }
    lines.push(
      `${name}_sum${braces(own)} ${formatNumber(sample.sum)}`,
      `${name}_count${braces(own)} ${below}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function braces(pairs: readonly string[]): string {
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function pair(label: string, value: string): string {
  return `${label}="${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : `${value}`;
}
