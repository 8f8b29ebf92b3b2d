/** A box of which there is only QEMU: what it is made of. Pure. */
import { join } from "node:path";

/** What is kept of a box, in a folder of its own. */
export const boxFiles = {
  disk: "disk.raw",
  variables: "firmware-variables.fd",
  tpm: "tpm",
} as const;

export interface MachineWishes {
  /** The box's folder. */
  readonly box: string;
  readonly memoryMib: number;
  readonly cpus: number;
  readonly serial: string;
  readonly kvm: boolean;
  /** Names of sockets are bounded, so they are not in the box's folder. */
  readonly tpmSocket: string;
  readonly monitorSocket: string;
  readonly firmware: string;
}

/**
 * Firmware with its variables, a disk, a card in QEMU's user network, a TPM, a watchdog and a serial line. In that
 * network 10.0.2.2 is this machine, its loopback included.
 */
export function machineArgs(wishes: MachineWishes): readonly string[] {
  const { box, memoryMib, cpus, serial, kvm, tpmSocket, monitorSocket, firmware } = wishes;
  const flash = (path: string, unit: number, readonly: boolean): string =>
    `if=pflash,format=raw,unit=${unit},readonly=${readonly ? "on" : "off"},file=${comma(path)}`;
  return [
    ...["-name", "selvedge-box", "-machine", "q35,smm=off", "-nodefaults", "-display", "none"],
    ...(kvm ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi", "-cpu", "max"]),
    ...["-m", `${memoryMib}`, "-smp", `${cpus}`],
    ...["-drive", flash(firmware, 0, true), "-drive", flash(join(box, boxFiles.variables), 1, false)],
    ...["-drive", `if=none,id=disk,format=raw,discard=unmap,file=${comma(join(box, boxFiles.disk))}`],
    ...["-device", "virtio-blk-pci,drive=disk,bootindex=1"],
    ...["-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile="],
    ...["-device", "virtio-rng-pci"],
    ...["-chardev", `socket,id=tpm,path=${comma(tpmSocket)}`, "-tpmdev", "emulator,id=tpm,chardev=tpm"],
    ...["-device", "tpm-crb,tpmdev=tpm"],
    ...["-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset"],
    ...["-smbios", `type=1,manufacturer=QEMU,product=Selvedge box,serial=${comma(serial)}`],
    ...["-qmp", `unix:${comma(monitorSocket)},server=on,wait=off`, "-serial", "stdio"],
  ];
}

/** It ends with the machine it belongs to. */
export function tpmArgs(state: string, socket: string): readonly string[] {
  return [
    ...["socket", "--tpm2", "--tpmstate", `dir=${state}`, "--ctrl", `type=unixio,path=${socket}`],
    "--terminate",
  ];
}

/** QEMU's way to write a comma that separates nothing. */
function comma(text: string): string {
  return text.replaceAll(",", ",,");
}
