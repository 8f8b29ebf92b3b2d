/** Where a command writes: results to `out`, progress and complaints to `err`. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The user can mend this: it is printed without a stack. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** One command of `./selvedge`. Resolves with the exit code. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  run(args: readonly string[], io: Io, signal: AbortSignal): Promise<number>;
}
