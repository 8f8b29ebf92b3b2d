/** An audit log in a file: one that is full is put aside under its time, and the oldest of those go. */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { type Clock, hours, instant, type Log } from "@selvedge/base";
import type { AuditSink } from "./audit.ts";

export interface AuditFileOptions {
  readonly path: string;
  /** Bytes after which the file is put aside. */
  readonly sizeMax: number;
  /** How many that were put aside are kept; 0 is all. */
  readonly backupsMax: number;
  /** Days that they are kept; 0 is for ever. */
  readonly daysMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Readable by the one who runs the server: bodies may be in it. */
const mode = 0o600;

export class AuditFile implements AuditSink, Disposable {
  readonly #options: AuditFileOptions;
  #file: number;
  #size: number;
  #lines: string[] = [];
  #isBroken = false;

  constructor(options: AuditFileOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true });
    this.#file = openSync(options.path, "a", mode);
    this.#size = fstatSync(this.#file).size;
    this.#prune();
  }

  /** Lines of one turn of the event loop are written together. */
  write(line: string): void {
    if (this.#lines.push(line) === 1) setImmediate(() => this.#flush());
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const { log, path, sizeMax } = this.#options;
    const bytes = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    if (bytes.length === 0) return;
    try {
      if (this.#size > 0 && this.#size + bytes.length > sizeMax) this.#rotate();
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
      this.#size += bytes.length;
      this.#isBroken = false;
    } catch (error) {
      // A full disk must not stop the service; it is said once, not for every line.
      if (!this.#isBroken)
        log.error("the audit log cannot be written; requests go on without it", { path, error });
      this.#isBroken = true;
    }
  }

  #rotate(): void {
    const { path, clock } = this.#options;
    const end = extname(path);
    const time = new Date(clock.now()).toISOString().replace(/:/g, "-").replace("Z", "");
    const aside = join(dirname(path), `${basename(path, end)}-${time}${end}`);
    closeSync(this.#file);
    renameSync(path, aside);
    this.#file = openSync(path, "a", mode);
    this.#size = 0;
    this.#prune();
  }

  #prune(): void {
    const { path, backupsMax, daysMax, clock } = this.#options;
    const end = extname(path);
    const prefix = `${basename(path, end)}-`;
    const aside = readdirSync(dirname(path))
      .filter(
        (name) => name.startsWith(prefix) && name.endsWith(end) && timeIn(name, prefix, end) !== undefined,
      )
      .sort()
      .reverse();
    const tooOld = instant(clock.now() - hours(24) * daysMax);
    for (const [index, name] of aside.entries()) {
      const isOver = backupsMax > 0 && index >= backupsMax;
      const isOld = daysMax > 0 && (timeIn(name, prefix, end) ?? 0) < tooOld;
      if (isOver || isOld) unlinkSync(join(dirname(path), name));
    }
  }
}

function timeIn(name: string, prefix: string, end: string): number | undefined {
  const text = name.slice(prefix.length, name.length - end.length);
  const [day = "", time = ""] = text.split("T");
  const at = Date.parse(`${day}T${time.replaceAll("-", ":")}Z`);
  return Number.isNaN(at) ? undefined : at;
}
