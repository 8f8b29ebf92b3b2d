/** A box in QEMU: made of an image once, switched on as often as somebody likes. */
import { type ChildProcess, spawn } from "node:child_process";
import { access, copyFile, mkdir, mkdtemp, rename, rm, stat, truncate } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, millis, seconds, sleep } from "@selvedge/base";
import { type Call, closed, ProgramError, run } from "../build/programs.ts";
import { writeConfig } from "../config-partition.ts";
import { boxFiles, type MachineWishes, machineArgs, tpmArgs } from "./machine-plan.ts";

const firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const variables = "/usr/share/OVMF/OVMF_VARS_4M.fd";

export interface BoxOptions {
  readonly image: string;
  readonly folder: string;
  readonly diskMib: number;
  /** What the fitter gives it; undefined: it keeps what it has. */
  readonly config: string | undefined;
}

/** Makes the box if there is none in the folder. Returns whether it is new. */
export async function makeBox(options: BoxOptions, call: Call): Promise<boolean> {
  const { image, folder, diskMib, config } = options;
  const disk = join(folder, boxFiles.disk);
  await mkdir(join(folder, boxFiles.tpm), { recursive: true });
  const isNew = !(await exists(disk));
  if (isNew) {
    const bytes = diskMib * 2 ** 20;
    const { size } = await stat(image);
    if (size > bytes)
      throw new ProgramError(`--disk ${diskMib}: the image alone is ${Math.ceil(size / 2 ** 20)} MiB`);
    const draft = `${disk}.draft`;
    await run("cp", ["--sparse=always", "--reflink=auto", image, draft], call);
    await truncate(draft, bytes);
    await copyFile(variables, join(folder, boxFiles.variables));
    await rename(draft, disk);
  }
  if (config !== undefined) await writeConfig(disk, config, folder, call);
  return isNew;
}

/** What else is in the folder is not ours. */
export async function forgetBox(folder: string): Promise<void> {
  for (const name of Object.values(boxFiles)) await rm(join(folder, name), { recursive: true, force: true });
}

export type RunOptions = Pick<MachineWishes, "box" | "memoryMib" | "cpus" | "serial" | "kvm">;

/** How long a box may take to go down after its button was pressed. */
const downPatience = seconds(60);
const tpmPatience = seconds(30);

/**
 * Runs until the box switches itself off; its serial line is on our standard output. Stopped, it presses the
 * box's button once; whoever stops us by force takes the box along.
 */
export async function runBox(options: RunOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const sockets = await mkdtemp(join(tmpdir(), "selvedge-box-"));
  const tpmSocket = join(sockets, "tpm");
  const monitorSocket = join(sockets, "monitor");
  const children: ChildProcess[] = [];
  try {
    const tpm = start("swtpm", tpmArgs(join(options.box, boxFiles.tpm), tpmSocket));
    children.push(tpm.child);
    const until = clock.monotonic() + tpmPatience;
    while (!(await exists(tpmSocket))) {
      if (tpm.child.exitCode !== null) throw new ProgramError("swtpm ended at once; see above");
      if (clock.monotonic() >= until) throw new ProgramError("swtpm does not answer");
      await Promise.race([sleep(clock, millis(20), signal), tpm.ended]);
    }
    const qemu = start("qemu-system-x86_64", machineArgs({ ...options, tpmSocket, monitorSocket, firmware }));
    children.push(qemu.child);
    const stop = (): void => {
      pressButton(monitorSocket, () => qemu.child.kill("SIGKILL"));
      // Cut off, it comes up again: that is what boxes are made for.
      const timer = clock.setTimer(downPatience, () => qemu.child.kill("SIGKILL"));
      void qemu.ended.finally(() => timer.cancel());
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    const code = await qemu.ended;
    signal.removeEventListener("abort", stop);
    if (code !== 0 && !signal.aborted) throw new ProgramError(`qemu-system-x86_64 ended with ${code}`);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await rm(sockets, { recursive: true, force: true });
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** In a session of its own, so that Ctrl-C is ours alone, and gone when we are. */
function start(program: string, args: readonly string[]): Started {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const ended = closed(child, program);
  // Whoever waits for it hears of it; until then it is no fault that nobody does.
  ended.catch(() => undefined);
  return { child, ended };
}

/** By QEMU's monitor; a machine without one yet has nothing to lose. */
function pressButton(socket: string, instead: () => void): void {
  const monitor = connect(socket);
  monitor.once("error", instead);
  monitor.resume();
  monitor.write('{"execute":"qmp_capabilities"}\n{"execute":"system_powerdown"}\n');
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
