/**
 * Where objects are kept: one revision for the whole store, a log of changes, values as text. Methods are
 * asynchronous so that a database elsewhere can implement them; a resolved write is durable.
 */
export interface Store {
  get(key: string): Promise<Row | undefined>;
  /** All keys that begin with `prefix`, in key order, and the revision they were read at. */
  list(prefix: string): Promise<Snapshot>;
  /** Writes `value`, or deletes when it is undefined. `expected` is the stored revision, 0 for "must not exist". */
  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome>;
  /** Every change after `revision` under `prefix`, in order and without gaps, until the signal. Throws
   * CompactedError when the log no longer reaches back that far. */
  watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<Change>;
  close(): void;
}

export interface Row {
  readonly key: string;
  readonly revision: number;
  readonly value: string;
}

export interface Snapshot {
  readonly revision: number;
  readonly rows: readonly Row[];
}

export type WriteOutcome =
  | { readonly type: "written"; readonly revision: number }
  | { readonly type: "conflict" };

export interface Change {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  /** Undefined: created. */
  readonly previous: string | undefined;
}

export class CompactedError extends Error {
  override name = "CompactedError";
}
