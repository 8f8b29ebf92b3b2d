import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, describeError, type Instant, type Log } from "@selvedge/base";
import {
  type ContainerRun,
  type ContainerStart,
  type ContainerStats,
  type Guest,
  GuestError,
  type GuestOutput,
  type GuestStream,
} from "../hypervisor.ts";
import type { ConsoleTail } from "./console-tail.ts";
import { QmpConnection } from "./qmp.ts";
import { SessionStream } from "./session-stream.ts";

export interface VmGuestOptions {
  readonly folder: string;
  readonly console: ConsoleTail;
  readonly clock: Clock;
  readonly log: Log;
  readonly changed: () => void;
  readonly signal: AbortSignal;
  readonly usage: () => Promise<Omit<ContainerStats, "container"> | undefined>;
}

/** Beside the machine's sockets, for an engine that comes after this one. */
interface Kept {
  readonly attempt: number;
  readonly startedAt: number;
  /** Of what it wrote to its console, so much is safe. */
  readonly offset: number;
}

const keptName = "vm.json";
const sigterm = 15;
const sigkill = 9;

/** Marks the folder of a machine that has no agent. */
export async function markVm(folder: string): Promise<void> {
  await writeFile(join(folder, keptName), JSON.stringify({ attempt: 0, startedAt: 0, offset: 0 }));
}

export async function isVm(folder: string): Promise<boolean> {
  return (await readKept(folder)) !== undefined;
}

/**
 * A virtual machine as if it were one container: it starts with its machine, is asked to end by its power
 * button, and what it says is what it writes to its serial console. It has no agent, so nothing is run in it.
 */
export class VmGuest implements Guest {
  readonly #options: VmGuestOptions;
  readonly #qmp: QmpConnection;
  #kept: Kept;
  #run: ContainerRun | undefined;
  #listener: ((output: GuestOutput) => void) | undefined;
  #early: GuestOutput[] = [];
  #written: number;
  #saving = Promise.resolve();
  readonly #unlisten: () => void;

  private constructor(options: VmGuestOptions, qmp: QmpConnection, kept: Kept) {
    this.#options = options;
    this.#qmp = qmp;
    this.#kept = kept;
    this.#written = kept.offset;
    if (kept.attempt > 0)
      this.#run = { phase: "running", attempt: kept.attempt, startedAt: kept.startedAt as Instant };
    this.#unlisten = options.console.onBytes((bytes) => this.#output(bytes));
  }

  static async open(options: VmGuestOptions): Promise<VmGuest> {
    const kept = await readKept(options.folder);
    if (kept === undefined) throw new GuestError("the machine is none that runs alone");
    await options.console.connected;
    let guest: VmGuest | undefined;
    const qmp = await QmpConnection.open(join(options.folder, "qmp.sock"), options.signal, {
      event: (name, data) => guest?.event(name, data),
      closed: () => options.changed(),
    });
    guest = new VmGuest(options, qmp, kept);
    // An engine that ended between writing the start down and doing it.
    if (kept.attempt > 0) await guest.#begin();
    return guest;
  }

  get connected(): boolean {
    return this.#qmp.connected;
  }

  setup(): void {}
  volume(): void {}
  mountVolume(): void {}
  writeFile(): void {}
  publish(): void {}

  start({ attempt }: ContainerStart): void {
    const startedAt = this.#options.clock.now();
    this.#written = 0;
    this.#keep({ attempt, startedAt, offset: 0 });
    this.#run = { phase: "running", attempt, startedAt };
    void this.#saving.then(() => this.#begin());
    this.#options.changed();
  }

  signal(_container: number, signal: number): void {
    if (signal === sigkill) {
      this.#end({ code: 137, signal: sigkill });
      this.powerOff();
    } else if (signal === sigterm) this.#ask("system_powerdown");
  }

  run(container: number): ContainerRun | undefined {
    return container === 1 ? this.#run : undefined;
  }

  onOutput(listener: (output: GuestOutput) => void): void {
    this.#listener = listener;
    for (const output of this.#early.splice(0)) listener(output);
  }

  acknowledge(_container: number, attempt: number, offset: number): void {
    if (attempt === this.#kept.attempt && offset > this.#kept.offset) this.#keep({ ...this.#kept, offset });
  }

  async input(): Promise<void> {
    throw new GuestError("a virtual machine takes no input here; use its console");
  }

  endInput(): void {}
  resize(): void {}

  exec(): GuestStream {
    return refused("nothing of ours is in a virtual machine that could run a command");
  }

  dial(): GuestStream {
    return refused("nothing of ours is in a virtual machine that could connect; use its network");
  }

  async stats(): Promise<readonly ContainerStats[]> {
    const usage = await this.#options.usage();
    return usage === undefined ? [] : [{ container: 1, ...usage }];
  }

  powerOff(): void {
    this.#ask("quit");
  }

  close(): void {
    this.#unlisten();
    this.#qmp.close();
  }

  /** What QEMU tells unasked. */
  event(name: string, data: Readonly<Record<string, unknown>>): void {
    if (name !== "SHUTDOWN") return;
    // It switched itself off, or did as it was asked; anything else is an end from outside.
    const own = data["guest"] === true;
    this.#end(own ? { code: 0, signal: 0 } : { code: 137, signal: sigkill });
  }

  #end({ code, signal }: { code: number; signal: number }): void {
    const run = this.#run;
    if (run?.phase !== "running") return;
    const { attempt, startedAt } = run;
    const finishedAt = this.#options.clock.now();
    this.#run = { phase: "exited", attempt, code, signal, outOfMemory: false, startedAt, finishedAt };
    this.#options.changed();
  }

  /** Lets a machine run that waits for it; one that runs goes on. */
  async #begin(): Promise<void> {
    try {
      const { status } = (await this.#qmp.execute("query-status")) as { status?: string };
      if (status === "prelaunch") await this.#qmp.execute("cont");
    } catch (error) {
      if (this.connected)
        this.#options.log.warn("the machine does not begin", { error: describeError(error) });
    }
  }

  #ask(command: string): void {
    this.#qmp.execute(command).catch((error: unknown) => {
      if (this.connected)
        this.#options.log.warn("the machine's monitor refuses", { command, error: describeError(error) });
    });
  }

  #output(bytes: Uint8Array): void {
    const { attempt } = this.#kept;
    const output: GuestOutput = {
      ...{ container: 1, attempt, channel: 1, bytes },
      ...{ offset: this.#written, at: this.#options.clock.now() },
    };
    this.#written += bytes.length;
    if (this.#listener !== undefined) this.#listener(output);
    else if (this.#early.length < earlyMax) this.#early.push(output);
  }

  #keep(kept: Kept): void {
    this.#kept = kept;
    const path = join(this.#options.folder, keptName);
    // One after another, each whole: what is read later is one of them.
    this.#saving = this.#saving
      .then(() => writeFile(`${path}.new`, JSON.stringify(kept)))
      .then(() => rename(`${path}.new`, path))
      .catch((error: unknown) =>
        this.#options.log.warn("a machine's mark is not kept", { error: describeError(error) }),
      );
  }
}

const earlyMax = 256;

async function readKept(folder: string): Promise<Kept | undefined> {
  const text = await readFile(join(folder, keptName), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Kept);
}

function refused(why: string): GuestStream {
  const stream = new SessionStream(() => {}, [1]);
  stream.broke(new GuestError(why));
  return stream;
}
