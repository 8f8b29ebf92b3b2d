import { type Clock, describeError, type Log, millis } from "@selvedge/base";
import type { AppId } from "../../desired.ts";
import type { EngineStore } from "../../engine-store.ts";
import type { Disk } from "../../host/disk.ts";
import type { LogLine } from "../../ports.ts";
import type { GuestOutput } from "../hypervisor.ts";
import { ContainerLog } from "./container-log.ts";
import type { StoredLine } from "./stored-line.ts";

/** How long output waits for company, so that a write carries many lines. */
const batchMs = 100;
/** When the disk refuses. The guest holds its output, and the container waits, meanwhile. */
const retryMs = 2000;

export interface AppLogsParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether nothing is kept of what the app says now; not there: it is. */
  readonly isMuted?: () => boolean;
}

export type Acknowledge = (container: number, attempt: number, offset: number) => void;

/** The logs of one app's containers, and how much of them the controller has. */
export class AppLogs {
  readonly #parts: AppLogsParts;
  readonly #folder: string;
  readonly #logs = new Map<string, ContainerLog>();
  readonly #listeners = new Set<() => void>();
  readonly #written: () => void;
  #sequence = 0;
  #sent = 0;
  #acknowledge: Acknowledge = () => {};
  #numbers = new Map<string, number>();
  #flushing: Promise<void> = Promise.resolve();
  #timer: { cancel(): void } | undefined;
  #closed = false;
  #loading: Promise<void> | undefined;
  #loaded = false;

  /** `written` is called when there is something new to upload. */
  constructor(parts: AppLogsParts, folder: string, written: () => void) {
    this.#parts = parts;
    this.#folder = folder;
    this.#written = written;
  }

  /**
   * Reads what an earlier engine left. Throws a VaultLockedError while that cannot be read, and is called
   * again then; nothing is written before it has.
   */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { disk } = this.#parts;
    for (const name of await disk.list(this.#folder)) {
      if (name.endsWith(".json")) continue;
      const log = this.#log(name);
      await log.load();
      this.#sequence = Math.max(this.#sequence, log.lastSequence);
    }
    const bytes = await disk.read(this.#sentPath);
    this.#sent = bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes)) || 0;
    this.#sequence = Math.max(this.#sequence, this.#sent);
    this.#loaded = true;
  }

  /** Where acknowledgements go: the guest that is connected now. */
  attach(acknowledge: Acknowledge): void {
    this.#acknowledge = acknowledge;
  }

  push(container: string, output: GuestOutput): void {
    this.#numbers.set(container, output.container);
    this.#log(container).push(output, this.#parts.isMuted?.() !== true);
    if (!this.#closed) this.#timer ??= this.#parts.clock.setTimer(millis(batchMs), () => this.#flushLater());
  }

  /** Writes what came, now. */
  async flush(): Promise<void> {
    const before = this.#flushing.catch(() => {});
    this.#flushing = before.then(() => this.#flush());
    await this.#flushing;
  }

  /** Readers look again: a container they follow may have ended. */
  poke(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  container(name: string): ContainerLog | undefined {
    return this.#logs.get(name);
  }

  get pending(): boolean {
    return this.#loaded && this.#stored > this.#sent;
  }

  /** The oldest lines that the controller lacks, of all containers, in the order they were written. */
  async next(bytesMax: number): Promise<readonly LogLine[]> {
    const all: LogLine[] = [];
    // Before anything is read: what is being written has its sequence already, and can be read a moment later.
    const stored = this.#stored;
    let complete = Number.POSITIVE_INFINITY;
    for (const [container, log] of this.#logs) {
      const lines = await log.linesAfter(this.#sent);
      // Of this container more may follow behind the last line read: nothing newer may overtake it.
      const last = lines.at(-1)?.sequence ?? 0;
      if (lines.length > 0 && last < log.lastSequence) complete = Math.min(complete, last);
      for (const line of lines) all.push(toLogLine(container, line));
    }
    all.sort((left, right) => left.sequence - right.sequence);
    let bytes = 0;
    const lines = all.filter(({ sequence, text }) => {
      bytes += text.length + lineCost;
      return sequence <= complete && (bytes <= bytesMax || bytes === text.length + lineCost);
    });
    // Whatever is missing between here and the end was thrown away by rotation.
    if (lines.length === 0) await this.sent(stored);
    return lines;
  }

  async sent(sequence: number): Promise<void> {
    if (sequence <= this.#sent) return;
    this.#sent = sequence;
    await this.#parts.disk.writeDurable(this.#sentPath, new TextEncoder().encode(`${sequence}\n`));
  }

  async remove(): Promise<void> {
    await this.close();
    await this.#parts.disk.remove(this.#folder);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#flushing.catch(() => {});
  }

  get #stored(): number {
    return Math.max(0, ...[...this.#logs.values()].map(({ lastSequence }) => lastSequence));
  }

  get #sentPath(): string {
    return `${this.#folder}/sent.json`;
  }

  #log(container: string): ContainerLog {
    let log = this.#logs.get(container);
    if (log === undefined) {
      log = new ContainerLog(this.#parts.disk, `${this.#folder}/${container}`);
      this.#logs.set(container, log);
    }
    return log;
  }

  #flushLater(): void {
    this.#timer = undefined;
    this.flush().catch((error: unknown) => {
      const { log, clock } = this.#parts;
      log.warn("logs cannot be written; trying again", { folder: this.#folder, error: describeError(error) });
      if (!this.#closed) this.#timer ??= clock.setTimer(millis(retryMs), () => this.#flushLater());
    });
  }

  async #flush(): Promise<void> {
    await this.load();
    for (const [name, log] of this.#logs) {
      if (!log.waiting) continue;
      const { attempt, offset } = await log.flush(() => ++this.#sequence);
      this.#acknowledge(this.#numbers.get(name) ?? 0, attempt, offset);
    }
    this.poke();
    this.#written();
  }
}

/** Whether the configuration wants nothing kept of what the app says. */
export function isMuted({ desired }: Pick<EngineStore, "desired">, id: AppId): boolean {
  return desired.get()?.apps.find((app) => app.id === id)?.muted === true;
}

/** What a line costs in an upload besides its text. */
const lineCost = 64;

function toLogLine(container: string, stored: StoredLine): LogLine {
  const { at, channel, text, sequence, attempt, whole } = stored;
  const decoded = new TextDecoder().decode(text);
  // Attempts count from one.
  const from = { restart: Math.max(0, attempt - 1), partial: !whole };
  return { at, container, channel: channel === 2 ? "stderr" : "stdout", text: decoded, sequence, ...from };
}
