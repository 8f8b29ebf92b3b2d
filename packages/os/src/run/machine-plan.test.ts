import assert from "node:assert/strict";
import { it } from "node:test";
import { machineArgs } from "./machine-plan.ts";

const wishes = {
  ...{ box: "/boxes/a,b", memoryMib: 1024, cpus: 2, serial: "S-1", kvm: false },
  ...{ tpmSocket: "/run/t", monitorSocket: "/run/m", firmware: "/usr/share/OVMF/code.fd" },
};

/** What follows an option, each time it is there. */
function values(option: string, args: readonly string[]): string[] {
  return args.flatMap((arg, at) => (arg === option ? [args[at + 1] ?? ""] : []));
}

it("takes KVM where it is and emulates elsewhere", () => {
  assert.deepEqual(values("-accel", machineArgs(wishes)), ["tcg,thread=multi"]);
  assert.deepEqual(values("-accel", machineArgs({ ...wishes, kvm: true })), ["kvm"]);
});

it("keeps firmware as it is, writes its variables and the disk, whatever the folder is called", () => {
  assert.deepEqual(values("-drive", machineArgs(wishes)), [
    "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/code.fd",
    "if=pflash,format=raw,unit=1,readonly=off,file=/boxes/a,,b/firmware-variables.fd",
    "if=none,id=disk,format=raw,discard=unmap,file=/boxes/a,,b/disk.raw",
  ]);
});

it("tells the box its serial, by which a profile admits it", () => {
  assert.match(values("-smbios", machineArgs(wishes)).join(), /serial=S-1$/);
});
