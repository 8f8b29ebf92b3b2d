import type { LogRecord } from "@selvedge/base";

/** The newest of what the engine said, for whoever looks at the node: enough for a day of a quiet one. */
export class RecentLog {
  #records: LogRecord[] = [];

  write(record: LogRecord): void {
    this.#records.push(record);
    if (this.#records.length > recordsMax * 2) this.#records = this.#records.slice(-recordsMax);
  }

  get records(): readonly LogRecord[] {
    return this.#records.slice(-recordsMax);
  }
}

const recordsMax = 2000;
