import "./whole-json.ts";
import type { Clock } from "./time.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

/** One line of the log, before it is written anywhere. */
export interface LogRecord {
  readonly at: string;
  readonly level: LogLevel;
  readonly logger: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Where records go. */
export type LogSink = (record: LogRecord) => void;

/** A structured log with a name. Never log a secret: fields are written as they are. */
export class Log {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #sink: LogSink;

  constructor(name: string, clock: Clock, sink: LogSink) {
    this.#name = name;
    this.#clock = clock;
    this.#sink = sink;
  }

  /** The same log under a longer name: `engine` → `engine.vm`. */
  child(name: string): Log {
    return new Log(`${this.#name}.${name}`, this.#clock, this.#sink);
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write("error", message, fields);
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    this.#sink({ at: new Date(this.#clock.now()).toISOString(), level, logger: this.#name, message, fields });
  }
}

/** One JSON object a line; errors become their message and causes. */
export function formatRecord(record: LogRecord): string {
  const { at, level, logger, message, fields } = record;
  return JSON.stringify({ at, level, logger, message, ...fields }, readable);
}

/** Fields as a record shows them. */
export function formatFields(fields: LogFields): string {
  return JSON.stringify(fields, readable);
}

function readable(_key: string, value: unknown): unknown {
  // What a bigint is written as in JSON; a record shows it as text.
  if (JSON.isRawJSON(value)) return (value as { readonly rawJSON: string }).rawJSON;
  return value instanceof Error ? describeError(value) : value;
}

/** An error and its causes in one line: `cannot launch web: connect ENOENT /run/qmp`. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  while (current !== undefined && parts.length < causesMax) {
    parts.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(": ");
}

/** How deep a chain of causes is followed; a cycle must not hang the log. */
const causesMax = 8;

/** Drops everything: for tests that do not look at the log. */
export function silentSink(): void {}
