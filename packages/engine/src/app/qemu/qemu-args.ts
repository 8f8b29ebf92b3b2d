import type { VmSpec } from "../hypervisor.ts";

export interface QemuPaths {
  readonly kernel: string;
  readonly initramfs: string;
  /** The app's own folder: sockets and console. */
  readonly folder: string;
}

export type Acceleration = { readonly kind: "kvm" } | { readonly kind: "tcg"; readonly tscKhz: number };

/** The translation cache only grows and its default ceiling is 1 GiB; 32 MiB is enough for a microVM. */
const translationCacheMib = 32;

/** QEMU's arguments for one app. Pure, so that what is started can be read in a test. */
export function qemuArgs(spec: VmSpec, paths: QemuPaths, acceleration: Acceleration): string[] {
  const kvm = acceleration.kind === "kvm";
  // Without HPET and PM timer the guest cannot measure the TSC reliably; a wrong result hangs it without a word.
  const clock = kvm ? "" : ` tsc_early_khz=${acceleration.tscKhz}`;
  const disks = spec.disks.flatMap((path, index) => [
    ...["-drive", `id=d${index},file=${escapeValue(path)},format=raw,if=none,readonly=on`],
    ...["-device", `virtio-blk-device,drive=d${index},serial=d${index}`],
  ]);
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
    ...["-kernel", paths.kernel, "-initrd", paths.initramfs],
    ...["-append", `console=ttyS0 reboot=t panic=-1 quiet loglevel=1${clock}`],
    ...["-serial", `file:${escapeValue(`${paths.folder}/console.log`)}`],
    // virtio-mmio devices appear in the guest in the reverse of this order; disks are found by their place.
    ...disks,
    "-device",
    "virtio-serial-device",
    ...["-chardev", `socket,id=agent,path=${escapeValue(`${paths.folder}/agent.sock`)},server=on,wait=off`],
    ...["-device", "virtserialport,chardev=agent,name=agent"],
    ...nic,
    ...["-qmp", `unix:${escapeValue(`${paths.folder}/qmp.sock`)},server=on,wait=off`],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
  ];
}

/** In QEMU's option lists a comma ends a value unless it is doubled. */
function escapeValue(value: string): string {
  return value.replaceAll(",", ",,");
}
