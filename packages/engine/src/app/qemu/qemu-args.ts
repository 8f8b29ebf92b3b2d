import type { VmSpec } from "../hypervisor.ts";
import { driveArgs, type MachineDisk, MachineFiles } from "./machine-files.ts";
import type { OwnDisk } from "./own-disks.ts";

export type Acceleration = { readonly kind: "kvm" } | { readonly kind: "tcg"; readonly tscKhz: number };

/** The translation cache only grows and its default ceiling is 1 GiB; 32 MiB is enough for a microVM. */
export const translationCacheMib: number = 32;

export interface MachinePaths {
  readonly kernel: string;
  readonly initramfs: string;
  readonly scratch: OwnDisk | undefined;
  /** What images that come later are copied to. */
  readonly spare: string;
}

/** How QEMU is started: its arguments, and the files that they name by descriptor. */
export interface MachineCommand {
  readonly args: readonly string[];
  readonly files: MachineFiles;
}

/**
 * QEMU's arguments for one app. Pure, so that what is started can be read in a test. QEMU is started in the
 * app's folder and makes its sockets there by their short names: it need not be able to walk the folders
 * above.
 */
export function qemuArgs(spec: VmSpec, acceleration: Acceleration, paths: MachinePaths): MachineCommand {
  const kvm = acceleration.kind === "kvm";
  // Without HPET and PM timer the guest cannot measure the TSC reliably; a wrong result hangs it without a
  // word.
  const clock = kvm ? "" : ` tsc_early_khz=${acceleration.tscKhz}`;
  const files = new MachineFiles();
  const [kernel, initramfs] = [files.read(paths.kernel), files.read(paths.initramfs)];
  const image = (name: string, path: string): MachineDisk => ({
    ...{ name, path, readOnly: true, secret: undefined },
  });
  const disks = spec.disks.flatMap((path, at) => disk(files, image(`d${at}`, path)));
  const scratch =
    paths.scratch === undefined ? [] : disk(files, { ...paths.scratch, name: "scratch", readOnly: false });
  const spare = disk(files, image("spare", paths.spare));
  const volumes = spec.volumes.flatMap((volume, at) => disk(files, { ...volume, name: `v${at}` }));
  const nics = spec.nics.flatMap(({ tap, mac }, at) => [
    ...["-netdev", `tap,id=n${at},ifname=${tap},script=no,downscript=no`],
    ...["-device", `virtio-net-device,netdev=n${at},mac=${mac}`],
  ]);
  const args = [
    ...["-M", "microvm,x-option-roms=off,isa-serial=on,rtc=on"],
    ...(kvm
      ? ["-accel", "kvm", "-cpu", "host"]
      : ["-accel", `tcg,thread=multi,tb-size=${translationCacheMib}`, "-cpu", "max"]),
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-name", spec.id, "-m", `${spec.memoryMib}M`, "-smp", `${spec.vcpus}`],
    ...["-kernel", kernel, "-initrd", initramfs],
    ...["-append", `console=ttyS0 reboot=t panic=-1 quiet loglevel=3${clock}`],
    // What is written while nobody listens is lost; it must not fill a disk or hold the guest up.
    ...["-chardev", socket("console"), "-serial", "chardev:console"],
    ...disks,
    ...scratch,
    ...spare,
    ...volumes,
    ...["-device", "virtio-serial-device"],
    ...["-chardev", socket("agent"), "-device", "virtserialport,chardev=agent,name=agent"],
    ...["-device", "virtio-rng-device"],
    ...nics,
    ...control,
  ];
  return { args, files };
}

/** The monitor, whose socket is the last to be made, and what QEMU may not do. */
export const control: readonly string[] = [
  ...["-chardev", socket("qmp"), "-mon", "chardev=qmp,mode=control"],
  ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
];

function disk(files: MachineFiles, what: MachineDisk): string[] {
  const access = what.readOnly ? "readonly=on" : "discard=unmap,werror=report";
  return [
    ...driveArgs(files, what, `if=none,${access}`),
    ...["-device", `virtio-blk-device,drive=${what.name},serial=${what.name}`],
  ];
}

export function socket(name: string): string {
  return `socket,id=${name},path=${name}.sock,server=on,wait=off`;
}
