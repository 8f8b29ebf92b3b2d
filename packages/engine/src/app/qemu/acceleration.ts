import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Acceleration } from "./qemu-args.ts";
import { hostTscKhz } from "./tsc.ts";

export interface Guest {
  readonly kernel: string;
  readonly initramfs: string;
}

/** With KVM the guest is up and off again in a second; one that is not by now will not run an app either. */
const probeLimitMs = 10_000;
/** Debian's "nobody": like an app's own user, it owns nothing. */
const probeUser = 65_534;
const probeMemoryMib = 128;
/** Of what QEMU says against it. */
const complaintMax = 300;

/**
 * KVM where it runs a guest of ours for a user like an app's, emulation otherwise. A device node alone says
 * little: it may belong to root alone, or lead to a virtualization inside another one that does not carry a
 * whole kernel. So one guest is started and must switch itself off, as ours does when nobody has a job for
 * it.
 */
export async function detectAcceleration(guest: Guest): Promise<Acceleration & { readonly why: string }> {
  const emulated = (why: string): Acceleration & { why: string } => ({
    kind: "tcg",
    tscKhz: hostTscKhz(),
    why,
  });
  const device = await stat("/dev/kvm").catch(() => undefined);
  if (device === undefined) return emulated("there is no /dev/kvm");
  const fault = await tryKvm(guest, device.gid);
  return fault === undefined ? { kind: "kvm", why: "a guest has run with it" } : emulated(fault);
}

/** Why KVM does not do; undefined when it does. */
async function tryKvm({ kernel, initramfs }: Guest, group: number): Promise<string | undefined> {
  const files = [kernel, initramfs].map((path) => openSync(path, "r"));
  try {
    const machine = [
      ...["qemu-system-x86_64", "-M", "microvm,x-option-roms=off,isa-serial=on,rtc=on", "-accel", "kvm"],
      ...["-cpu", "host", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ...["-m", `${probeMemoryMib}M`, "-kernel", "/proc/self/fd/3", "-initrd", "/proc/self/fd/4"],
      ...["-append", "reboot=t panic=-1 quiet"],
    ];
    const user = `${probeUser}`;
    const asNobody = [
      "setpriv",
      `--reuid=${user}`,
      `--regid=${user}`,
      `--groups=${group}`,
      "--no-new-privs",
      "--",
    ];
    const [program = "", ...args] = process.getuid?.() === 0 ? [...asNobody, ...machine] : machine;
    const child = spawn(program, args, {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdio: ["ignore", "ignore", "pipe", ...files],
      timeout: probeLimitMs,
      killSignal: "SIGKILL",
    });
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(0, complaintMax);
    });
    return await new Promise((resolve) => {
      child.once("error", (error) => resolve(`QEMU cannot be started: ${error.message}`));
      child.once("close", (code, signal) => {
        if (code === 0) resolve(undefined);
        else if (signal !== null)
          resolve(`a guest under KVM did not come up within ${probeLimitMs / 1000} s`);
        else resolve(`QEMU refuses KVM: ${complaint.split("\n", 1)[0]}`);
      });
    });
  } finally {
    for (const file of files) closeSync(file);
  }
}
