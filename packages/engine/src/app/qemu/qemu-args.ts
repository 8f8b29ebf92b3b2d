import type { VmSpec } from "../hypervisor.ts";

export type Acceleration = { readonly kind: "kvm" } | { readonly kind: "tcg"; readonly tscKhz: number };

/** The translation cache only grows and its default ceiling is 1 GiB; 32 MiB is enough for a microVM. */
export const translationCacheMib: number = 32;

/**
 * Which file descriptor of the new process is what; the images are opened by us, so QEMU needs no right to
 * them.
 */
export interface QemuDescriptors {
  readonly kernel: number;
  readonly initramfs: number;
  readonly disks: readonly number[];
  /** Twice: QEMU looks at it before it opens it to write, and takes a descriptor that fits. */
  readonly scratch: readonly [read: number, write: number] | undefined;
}

/** Standard input, output and error come first. */
export function qemuDescriptors(spec: VmSpec): QemuDescriptors {
  const first = 5;
  const disks = spec.disks.map((_, index) => first + index);
  const last = first + disks.length;
  const scratch = spec.scratchBytes > 0 ? ([last, last + 1] as const) : undefined;
  return { kernel: 3, initramfs: 4, disks, scratch };
}

/**
 * QEMU's arguments for one app. Pure, so that what is started can be read in a test. QEMU is started in the
 * app's folder and makes its sockets there by their short names: it need not be able to walk the folders
 * above.
 */
export function qemuArgs(spec: VmSpec, acceleration: Acceleration): string[] {
  const kvm = acceleration.kind === "kvm";
  // Without HPET and PM timer the guest cannot measure the TSC reliably; a wrong result hangs it without a
  // word.
  const clock = kvm ? "" : ` tsc_early_khz=${acceleration.tscKhz}`;
  const fds = qemuDescriptors(spec);
  const disks = fds.disks.flatMap((fd, index) => disk(`d${index}`, [fd]));
  const scratch = fds.scratch === undefined ? [] : disk("scratch", fds.scratch);
  const nic =
    spec.nic === undefined
      ? []
      : [
          ...["-netdev", `tap,id=n0,ifname=${spec.nic.tap},script=no,downscript=no`],
          ...["-device", `virtio-net-device,netdev=n0,mac=${spec.nic.mac}`],
        ];
  return [
    ...["-M", "microvm,x-option-roms=off,isa-serial=on,rtc=on"],
    ...(kvm
      ? ["-accel", "kvm", "-cpu", "host"]
      : ["-accel", `tcg,thread=multi,tb-size=${translationCacheMib}`, "-cpu", "max"]),
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-name", spec.id, "-m", `${spec.memoryMib}M`, "-smp", `${spec.vcpus}`],
    ...["-kernel", `/proc/self/fd/${fds.kernel}`, "-initrd", `/proc/self/fd/${fds.initramfs}`],
    ...["-append", `console=ttyS0 reboot=t panic=-1 quiet loglevel=3${clock}`],
    // What is written while nobody listens is lost; it must not fill a disk or hold the guest up.
    ...["-chardev", socket("console"), "-serial", "chardev:console"],
    ...disks,
    ...scratch,
    ...["-device", "virtio-serial-device"],
    ...["-chardev", socket("agent"), "-device", "virtserialport,chardev=agent,name=agent"],
    ...["-device", "virtio-rng-device"],
    ...nic,
    ...["-chardev", socket("qmp"), "-mon", "chardev=qmp,mode=control"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
  ];
}

function disk(name: string, fds: readonly number[]): string[] {
  const access = fds.length === 1 ? "readonly=on" : "discard=unmap,werror=report";
  return [
    ...fds.flatMap((fd) => ["-add-fd", `fd=${fd},set=${fds[0]}`]),
    ...["-drive", `id=${name},file=/dev/fdset/${fds[0]},format=raw,if=none,${access}`],
    ...["-device", `virtio-blk-device,drive=${name},serial=${name}`],
  ];
}

function socket(name: string): string {
  return `socket,id=${name},path=${name}.sock,server=on,wait=off`;
}
