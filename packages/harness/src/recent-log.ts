import { describeError, formatRecord, type LogRecord } from "@selvedge/base";

/** Of one program's log, to explain a failed seed. */
const linesMax = 400;

/**
 * The newest lines of a program's log. Most are never read, so they are put into words when they are: a world says
 * more than it costs to live.
 */
export class RecentLog implements Iterable<string> {
  readonly #said: (LogRecord | string)[] = [];
  #next = 0;

  add(said: LogRecord | string): void {
    this.#said[this.#next] =
      typeof said === "string" ? said : { ...said, fields: withoutErrors(said.fields) };
    this.#next = (this.#next + 1) % linesMax;
  }

  /** The oldest first. */
  *[Symbol.iterator](): Iterator<string> {
    const inOrder = [...this.#said.slice(this.#next), ...this.#said.slice(0, this.#next)];
    for (const said of inOrder) yield typeof said === "string" ? said : formatRecord(said);
  }

  last(count: number): string[] {
    return [...this].slice(-count);
  }
}

/** An error holds the program that threw it, which may be dead and large. */
function withoutErrors(fields: LogRecord["fields"]): LogRecord["fields"] {
  let own: Record<string, unknown> | undefined;
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    if (!(value instanceof Error)) continue;
    own ??= { ...fields };
    own[key] = describeError(value);
  }
  return own ?? fields;
}
