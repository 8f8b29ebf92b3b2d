import { constants } from "node:fs";
import { access } from "node:fs/promises";
import type { Acceleration } from "./qemu-args.ts";
import { hostTscKhz } from "./tsc.ts";

/** KVM where this box has it and we may use it, emulation otherwise. */
export async function detectAcceleration(): Promise<Acceleration> {
  try {
    await access("/dev/kvm", constants.R_OK | constants.W_OK);
    return { kind: "kvm" };
  } catch {
    return { kind: "tcg", tscKhz: hostTscKhz() };
  }
}
