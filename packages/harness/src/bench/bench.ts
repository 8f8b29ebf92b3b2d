/** What a benchmark is: a name and a function that yields figures. Each figure becomes one JSON line. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What docs/DESIGN sets as its limit, in the same unit. */
  readonly budget?: number;
  /** What one should know to read it. */
  readonly note?: string;
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  /** Why it cannot run here; undefined when it can. */
  missing(): string | undefined;
  run(progress: (line: string) => void): AsyncGenerator<Figure>;
}

/** The value below which `share` of the samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
