/**
 * Where objects are kept: one revision for the whole store, a log of changes, values as text. Methods are
 * asynchronous so that a database elsewhere can implement them; a resolved write is durable.
 */
export interface Store {
  get(key: string): Promise<Row | undefined>;
  /** All keys that begin with `prefix`, in key order, and the revision they were read at. */
  list(prefix: string): Promise<Snapshot>;
  /**
   * A part of a list, as it was at one revision: pages of one list fit together whatever is written between
   * them.
   */
  page(query: PageQuery): Promise<Page>;
  /** The newest revision that a read would see. */
  revision(): Promise<number>;
  /**
   * Writes `value`, or deletes when it is undefined. `expected` is the stored revision, 0 for "must not
   * exist".
   */
  write(key: string, expected: number, value: string | undefined): Promise<WriteOutcome>;
  /**
   * Every change after `revision`, in order and without gaps: of all keys below a prefix that ends with "/",
   * or of the one key that the text is.
   */
  subscribe(prefix: string, revision: number): Subscription;
  /**
   * Until it is disposed, pages at this revision (undefined: now, or later) can be read, however much is written
   * meanwhile by this process; up to a bound. Throws CompactedError when it is too long ago.
   */
  hold(revision: number | undefined): Disposable;
  /** Ends when what was asked to be written has been, or has failed. */
  close(): Promise<void>;
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

export interface PageQuery {
  readonly prefix: string;
  /** The last key of the page before. */
  readonly after?: string;
  /** Undefined: the rest. */
  readonly limit?: number;
  /** Characters of values after which no row follows: what is read in one go is as long as its rows. Undefined: any. */
  readonly weight?: number;
  /** Undefined: now. Throws CompactedError when it is too long ago. */
  readonly revision?: number;
  /** Whether to say how many more follow: it costs a walk over them. */
  readonly counts?: boolean;
}

export interface Page extends Snapshot {
  readonly more: boolean;
  /** How many more follow; undefined unless it was asked for. */
  readonly remaining: number | undefined;
}

export type WriteOutcome =
  | { readonly type: "written"; readonly revision: number }
  | { readonly type: "conflict" };

/** One change. All subscriptions are given the same object, so that what is made of it can be made once. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  /** Undefined: created. */
  readonly previous: string | undefined;
}

/** A place in the log. It holds no changes of its own, so one that nobody takes from costs nothing. */
export interface Subscription {
  /** Everything up to here has been taken. */
  readonly revision: number;
  /**
   * The next changes, none when there are none yet. Throws CompactedError when the log no longer reaches
   * back.
   */
  take(): Promise<readonly Change[]>;
  /** Resolves once take may find something, at wake() and at close(). */
  wait(): Promise<void>;
  wake(): void;
  close(): void;
}

export class CompactedError extends Error {
  override name = "CompactedError";
}

/** The database cannot be reached: nothing was read, nothing was written. */
export class StoreUnavailableError extends Error {
  override name = "StoreUnavailableError";
}

/** The database is there, and was not ready in time: nothing was read, nothing was written. */
export class StoreTimeoutError extends Error {
  override name = "StoreTimeoutError";
}

/** More want something of the database than may wait for it. */
export class StoreBusyError extends Error {
  override name = "StoreBusyError";
}

/** A write was under way when the connection was lost or its time was over: nobody knows whether it is done. */
export class OutcomeUnknownError extends Error {
  override name = "OutcomeUnknownError";
}
