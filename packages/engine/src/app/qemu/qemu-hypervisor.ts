import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { access, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "@selvedge/base";
import type { AppId } from "../../desired.ts";
import { type Guest, GuestError, type Hypervisor, type VmSpec } from "../hypervisor.ts";
import { GuestConnection } from "./guest-connection.ts";
import { type Acceleration, qemuArgs } from "./qemu-args.ts";

export interface QemuHypervisorOptions {
  /** One folder per app; QEMU's sockets are in it, so its absolute name must stay short (108 bytes in all). */
  readonly folder: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly acceleration: Acceleration;
  readonly random: Random;
}

/** A loaded host without KVM takes ten times the usual two seconds. */
const bootTimeoutMs = 120_000;

/** Runs each app in its own detached QEMU, which goes on when the engine ends. Linux only: it reads /proc. */
export class QemuHypervisor implements Hypervisor {
  readonly #options: QemuHypervisorOptions;

  constructor(options: QemuHypervisorOptions) {
    this.#options = options;
  }

  get emulated(): boolean {
    return this.#options.acceleration.kind === "tcg";
  }

  async list(): Promise<AppId[]> {
    const ids = await readdir(this.#options.folder).catch((): string[] => []);
    const running = await Promise.all(ids.map((id) => this.#pid(id)));
    return ids.filter((_, at) => running[at] !== undefined) as AppId[];
  }

  async launch(spec: VmSpec): Promise<void> {
    if ((await this.#pid(spec.id)) !== undefined) return;
    const folder = join(this.#options.folder, spec.id);
    await mkdir(folder, { recursive: true });
    for (const name of ["agent.sock", "qmp.sock"]) await rm(join(folder, name), { force: true });
    const args = qemuArgs(spec, { ...this.#options, folder }, this.#options.acceleration);
    const errors = openSync(join(folder, "qemu.log"), "w");
    try {
      const child = spawn("qemu-system-x86_64", args, { detached: true, stdio: ["ignore", errors, errors] });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (cause) => reject(new GuestError("cannot start QEMU", { cause })));
      });
      await writeFile(join(folder, "pid"), `${child.pid}\n`);
      child.unref();
    } finally {
      closeSync(errors);
    }
  }

  async connect(id: AppId, changed: () => void): Promise<Guest> {
    const folder = join(this.#options.folder, id);
    const path = join(folder, "agent.sock");
    // QEMU makes the socket shortly after it was spawned.
    for (let tries = 0; tries < 100; tries++) {
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      )
        break;
      if ((await this.#pid(id)) === undefined) {
        const text = await readFile(join(folder, "qemu.log"), "utf8").catch(() => "");
        throw new GuestError(`QEMU ended at once: ${text.trim().slice(-500)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return GuestConnection.open(path, this.#options.random.bytes(16), changed, bootTimeoutMs);
  }

  async kill(id: AppId): Promise<void> {
    const pid = await this.#pid(id);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }

  /** The pid file may be of an earlier boot, so the process must also be the QEMU of this app. */
  async #pid(id: string): Promise<number | undefined> {
    const pid = Number(await readFile(join(this.#options.folder, id, "pid"), "utf8").catch(() => ""));
    if (!Number.isInteger(pid) || pid <= 1) return undefined;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const args = line.split("\0");
    return args[args.indexOf("-name") + 1] === id ? pid : undefined;
  }
}
