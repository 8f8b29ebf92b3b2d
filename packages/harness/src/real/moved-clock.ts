/**
 * The clocks of everything that a system runs, moved by a test: the time of day and the time that never
 * jumps alike, so that timers are due, leases and tokens run out and silence is counted as after such a time.
 *
 *   LD_PRELOAD libfaketime, inherited by all that `up` starts
 *     controller · engine and its programs (dnsmasq, conntrack, wpa_supplicant …) · the TPM
 *   not by QEMU, whose environment the engine makes itself: a guest's clock goes on at its own pace, so that
 *   its uptime says whether it was ever started again.
 *
 * The kernel's own clocks stay: what TCP retransmits, and the times of files.
 */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Instant, instant, type Millis } from "@selvedge/base";
import { run } from "./local-system.ts";

/** The one for programs with threads. */
const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/** Why no clock can be moved here; false when they can. */
export function movedClockMissing(): string | false {
  return library === undefined && "libfaketime is not installed (Debian package faketime)";
}

export class MovedClock implements AsyncDisposable {
  readonly #folder: string;
  #milliseconds = 0;
  /** The names of what the library shares between processes. */
  #shared = "";

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<MovedClock> {
    const clock = new MovedClock(await mkdtemp(join(tmpdir(), "selvedge-clock-")));
    // dnsmasq and the like read it as nobody.
    await chmod(clock.#folder, 0o755);
    await clock.#write();
    // Whoever finds nothing to share makes it, and only an orderly end takes that away again: so one process
    // makes it here, for all, and has no end of that kind.
    const { stdout } = await run("sh", ["-c", 'echo "$FAKETIME_SHARED"; kill -9 $$'], clock.env);
    clock.#shared = stdout.trim();
    for (const path of clock.#sharedFiles()) await chmod(path, 0o666);
    return clock;
  }

  /** Of whoever lives by this clock. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: this.#file,
      // Asked each time: a step is seen by all at once.
      FAKETIME_NO_CACHE: "1",
      // The kernel stamps files by its own clock; what reads those times is to see what is there.
      NO_FAKE_STAT: "1",
      ...(this.#shared === "" ? {} : { FAKETIME_SHARED: this.#shared }),
    };
  }

  /** What it shows. */
  now(): Instant {
    return instant(Date.now() + this.#milliseconds);
  }

  /** From now on it is so much later. */
  async advance(span: Millis): Promise<void> {
    this.#milliseconds += span;
    await this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of [this.#folder, ...this.#sharedFiles()])
      await rm(path, { recursive: true, force: true });
  }

  /** As `shm_open` and `sem_open` of Linux place them. */
  #sharedFiles(): string[] {
    const [, semaphore, memory] = /^\/(faketime_sem_\d+) \/(faketime_shm_\d+)$/.exec(this.#shared) ?? [];
    if (semaphore === undefined || memory === undefined)
      throw new Error(`libfaketime shares ${JSON.stringify(this.#shared)}: not as it was known to`);
    return [`/dev/shm/sem.${semaphore}`, `/dev/shm/${memory}`];
  }

  get #file(): string {
    return join(this.#folder, "offset");
  }

  /** Whole at any moment: somebody reads it at each look at a clock. */
  async #write(): Promise<void> {
    const next = join(this.#folder, "next");
    await writeFile(next, `+${this.#milliseconds / 1000}\n`, { mode: 0o644 });
    await rename(next, this.#file);
  }
}
