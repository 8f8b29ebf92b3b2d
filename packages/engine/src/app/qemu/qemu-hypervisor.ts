import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chown, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Log, millis, type Random, sleep } from "@selvedge/base";
import type { AppId } from "../../desired.ts";
import { openSecret } from "../../host/qemu/secret-file.ts";
import {
  type Confinement,
  type Guest,
  GuestError,
  type Hypervisor,
  type VmBoot,
  type VmSpec,
  type VmUsage,
} from "../hypervisor.ts";
import type { MachineProcessors } from "../processors.ts";
import { Cgroups } from "./cgroup.ts";
import { ConsoleTail } from "./console-tail.ts";
import { GuestConnection } from "./guest-connection.ts";
import type { MachineFiles } from "./machine-files.ts";
import { machinePid, machineUsage, noting } from "./machine-process.ts";
import { exists, OwnDisks } from "./own-disks.ts";
import { namedThreads, placeThreads, startOn, usableProcessors } from "./placement.ts";
import { type Acceleration, type MachineCommand, qemuArgs, translationCacheMib } from "./qemu-args.ts";
import { makeSeedCd } from "./seed-cd.ts";
import { copyToSpare, makeSpare } from "./spare-disk.ts";
import { vmArgs, vmTranslationCacheMib } from "./vm-args.ts";
import { isVm, markVm, VmGuest } from "./vm-guest.ts";

export interface QemuHypervisorOptions {
  /**
   * One folder per app; QEMU's sockets are in it, so its absolute name must stay short (108 bytes in all).
   */
  readonly folder: string;
  /** Where scratch disks are kept, through reboots of the box. */
  readonly scratchFolder: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly acceleration: Acceleration;
  /** Our folder among the box's control groups. */
  readonly cgroup: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A loaded host without KVM takes ten times the usual two seconds. */
const bootTimeoutMs = 120_000;
/** QEMU beside the guest's memory: its own code and heap, device queues, the kernel it loads. */
const overheadMib = 192;
/** A machine may use this much more processor than its guest's: emulation of devices runs beside it. */
const spareCpuMillis = 500;
/** Threads: one a virtual processor, and QEMU's pool for disk requests. */
const spareThreads = 80;
/** QEMU answers SIGTERM at once; one that does not is stuck. */
const quitMs = 3000;
const pollMs = 25;
/** A shell has the machine's number noted at once. */
const notingMs = 5;
/** Debian's UEFI. */
const uefiCode = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/** The user of a machine without a network. */
const nobody = 65_534;

/** Runs each app in its own detached QEMU, which goes on when the engine ends. Linux only: it reads /proc. */
export class QemuHypervisor implements Hypervisor {
  readonly #options: QemuHypervisorOptions;
  readonly #consoles = new Map<AppId, ConsoleTail>();
  readonly #cgroups: Promise<Cgroups>;
  readonly #disks: OwnDisks;
  #processors: Promise<number[]> | undefined;

  constructor(options: QemuHypervisorOptions) {
    this.#options = options;
    this.#disks = new OwnDisks(options.scratchFolder);
    this.#cgroups = Cgroups.detect(options.cgroup, join(options.folder, ".cgroup"));
  }

  get emulated(): boolean {
    return this.#options.acceleration.kind === "tcg";
  }

  async confinement(): Promise<Confinement> {
    return { limits: (await this.#cgroups).kind !== "none", unprivileged: process.getuid?.() === 0 };
  }

  async list(): Promise<AppId[]> {
    const ids = await readdir(this.#options.folder).catch((): string[] => []);
    const running = await Promise.all(ids.map((id) => machinePid(this.#folder(id), id)));
    return ids.filter((_, at) => running[at] !== undefined) as AppId[];
  }

  processors(): Promise<readonly number[]> {
    this.#processors ??= usableProcessors();
    return this.#processors;
  }

  async place(id: AppId, processors: MachineProcessors): Promise<void> {
    const folder = this.#folder(id);
    for (let waited = 0; waited < bootTimeoutMs; waited += pollMs) {
      const pid = await machinePid(folder, id);
      if (pid === undefined || (await placeThreads(pid, processors))) return;
      await sleep(this.#options.clock, millis(pollMs));
    }
    throw new GuestError("it does not make its virtual processors");
  }

  async launch(spec: VmSpec): Promise<void> {
    const folder = this.#folder(spec.id);
    if ((await machinePid(folder, spec.id)) !== undefined) return;
    const uid = spec.uid ?? nobody;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const root = process.getuid?.() === 0;
    if (root) await chown(folder, uid, uid);
    const { args, files } = spec.vm === undefined ? await this.#microVm(spec) : await this.#vm(spec, spec.vm);
    const command = ["qemu-system-x86_64", ...args];
    const { own, shared } = spec.processors ?? { own: [], shared: [] };
    if (own.length > 0) command.push(...namedThreads);
    const whole = root ? [...(await this.#unprivileged(uid)), ...command] : command;
    const devices = spec.devices ?? [];
    if (root) for (const { node } of devices) await chown(node, uid, uid);
    // A device reaches all of the machine's memory, which therefore stays where it is.
    if (root && devices.some(({ kind }) => kind === "pci")) whole.unshift("prlimit", "--memlock=unlimited");
    // Nobody who has some for itself is disturbed, not even by a machine that begins.
    if (shared.length > 0 && shared.length < (await this.processors()).length)
      whole.unshift(...startOn(shared));
    const noted = noting(whole, await this.#limits(spec));
    const child = await this.#spawn(spec.id, noted, files, root ? uid : undefined);
    // It holds the CD open; nobody else is to read what was sealed to this node.
    if (spec.vm?.seed !== undefined) await rm(this.#seed(spec.id), { force: true });
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    while (!isOver() && (await machinePid(folder, spec.id)) === undefined)
      await sleep(this.#options.clock, millis(notingMs));
  }

  async connect(id: AppId, changed: () => void, signal: AbortSignal): Promise<Guest> {
    const folder = this.#folder(id);
    const path = join(folder, "agent.sock");
    // QEMU makes the sockets shortly after it was spawned; the monitor's is the last.
    while (!(await exists(join(folder, "qmp.sock"))) || (await machinePid(folder, id)) === undefined) {
      if ((await machinePid(folder, id)) === undefined)
        throw new GuestError(`QEMU ended at once: ${await this.lastWords(id)}`);
      await sleep(this.#options.clock, millis(pollMs), signal);
    }
    this.#consoles.get(id)?.close();
    const console = new ConsoleTail(join(folder, "console.sock"));
    this.#consoles.set(id, console);
    const { random, clock, log } = this.#options;
    if (await isVm(folder))
      return await VmGuest.open({
        folder,
        console,
        clock,
        log,
        changed,
        signal,
        usage: () => this.usage(id),
      });
    return await GuestConnection.open({
      ...{ path, nonce: random.bytes(16), clock, changed, timeoutMs: bootTimeoutMs, signal },
    });
  }

  async kill(id: AppId): Promise<void> {
    const folder = this.#folder(id);
    for (let waited = 0; ; waited += pollMs) {
      const pid = await machinePid(folder, id);
      if (pid === undefined) break;
      if (waited === 0) process.kill(pid, "SIGTERM");
      else if (waited >= quitMs) process.kill(pid, "SIGKILL");
      await sleep(this.#options.clock, millis(pollMs));
    }
    this.#consoles.get(id)?.close();
    await (await this.#cgroups).leave(id);
  }

  async remove(id: AppId): Promise<void> {
    await this.kill(id);
    this.#consoles.delete(id);
    await rm(this.#folder(id), { recursive: true, force: true });
    await rm(this.#spare(id), { force: true });
    await this.#disks.remove(id);
  }

  async addImage(id: AppId, part: number, path: string): Promise<void> {
    await copyToSpare(this.#spare(id), part, path);
  }

  async screen(id: AppId): Promise<string | undefined> {
    const path = join(this.#folder(id), "vnc.sock");
    return (await exists(path)) ? path : undefined;
  }

  async usage(id: AppId): Promise<VmUsage | undefined> {
    const pid = await machinePid(this.#folder(id), id);
    return pid === undefined ? undefined : await machineUsage(pid);
  }

  async lastWords(id: AppId): Promise<string> {
    const complaint = await readFile(join(this.#folder(id), "qemu.log"), "utf8").catch(() => "");
    const words = [complaint.trim().slice(-500), this.#consoles.get(id)?.text.slice(-500) ?? ""];
    return words.filter((text) => text !== "").join("; ");
  }

  #folder(id: string): string {
    return join(this.#options.folder, id);
  }

  #spare(id: string): string {
    return join(this.#options.scratchFolder, `${id}.spare`);
  }

  #seed(id: string): string {
    return join(this.#folder(id), "seed.iso");
  }

  async #microVm(spec: VmSpec): Promise<MachineCommand> {
    const { kernel, initramfs, acceleration } = this.#options;
    const { scratchBytes } = spec;
    const scratch = scratchBytes > 0 ? await this.#disks.scratch(spec, scratchBytes) : undefined;
    const spare = this.#spare(spec.id);
    await makeSpare(spare);
    return qemuArgs(spec, acceleration, { kernel, initramfs, scratch, spare });
  }

  async #vm(spec: VmSpec, boot: VmBoot): Promise<MachineCommand> {
    await markVm(this.#folder(spec.id));
    const seed = this.#seed(spec.id);
    if (boot.seed !== undefined) await makeSeedCd(boot.seed, seed);
    const variables = boot.firmware === "uefi" ? await this.#disks.variables(spec) : undefined;
    return vmArgs(spec, boot, this.#options.acceleration, { seed, variables, firmware: uefiCode });
  }

  /** Starts as the app's own user, without any right of ours and without a way to get one. */
  async #unprivileged(uid: number): Promise<string[]> {
    const kvm = this.#options.acceleration.kind === "kvm" ? await stat("/dev/kvm") : undefined;
    return [
      "setpriv",
      ...[`--reuid=${uid}`, `--regid=${uid}`, kvm === undefined ? "--clear-groups" : `--groups=${kvm.gid}`],
      ...["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"],
    ];
  }

  async #spawn(
    id: AppId,
    command: readonly string[],
    { opens }: MachineFiles,
    uid: number | undefined,
  ): Promise<ChildProcess> {
    const files: number[] = [];
    try {
      const log = openSync(join(this.#folder(id), "qemu.log"), "w");
      files.push(log);
      for (const file of opens)
        files.push("secret" in file ? openSecret(file.secret, uid) : openSync(file.path, file.flags));
      const [program = "", ...args] = command;
      const child = spawn(program, args, {
        detached: true,
        cwd: this.#folder(id),
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        stdio: ["ignore", log, log, ...files.slice(1)],
      });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (cause) => reject(new GuestError("cannot start QEMU", { cause })));
      });
      child.unref();
      return child;
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  /** Its groups. A machine without limits is still better than none: it says so and goes on. */
  async #limits(spec: VmSpec): Promise<readonly string[]> {
    const cacheMib = spec.vm === undefined ? translationCacheMib : vmTranslationCacheMib;
    const besideMib = spec.besideMib ?? overheadMib + (this.emulated ? cacheMib : 0);
    const memoryMib = spec.memoryMib + besideMib;
    try {
      return await (await this.#cgroups).make(spec.id, {
        memoryBytes: memoryMib * 2 ** 20,
        cpuMillis: spec.vcpus * 1000 + spareCpuMillis,
        processes: spec.vcpus + spareThreads,
      });
    } catch (error) {
      this.#options.log.warn("machine runs without limits of its own", { app: spec.id, error });
      return [];
    }
  }
}
