import type { MachineDevice } from "../../device/device-spec.ts";
import type { VmBoot, VmSpec } from "../hypervisor.ts";
import { driveArgs, type MachineDisk, MachineFiles } from "./machine-files.ts";
import type { OwnDisk } from "./own-disks.ts";
import { type Acceleration, control, type MachineCommand, socket } from "./qemu-args.ts";

/** A whole system translates more code than a container; the cache only grows, so it is capped. */
export const vmTranslationCacheMib: number = 128;

export interface VmPaths {
  /** The CD with its user data, when it has any. */
  readonly seed: string;
  /** UEFI's own code, and the machine's copy of its variables; undefined: it starts by its BIOS. */
  readonly firmware: string;
  readonly variables: OwnDisk | undefined;
}

/** QEMU's arguments for a virtual machine that starts what is on its disks. Pure, as those of a microVM. */
export function vmArgs(
  spec: VmSpec,
  boot: VmBoot,
  acceleration: Acceleration,
  paths: VmPaths,
): MachineCommand {
  const files = new MachineFiles();
  const legacy = boot.devices === "legacy";
  const usbFirst = boot.usbFirst === true ? usbDevices(spec).length : 0;
  let ide = 0;
  const drives = spec.volumes.flatMap(({ path, readOnly, cdrom, secret }, at) => {
    const onIde = legacy || cdrom;
    const model = cdrom ? "ide-cd" : onIde ? "ide-hd" : "virtio-blk-pci";
    const place = onIde ? `,${idePlace(ide++, legacy)}` : "";
    // Tried in the order of the app's volumes, behind the devices that go before them.
    return drive(
      files,
      { name: `v${at}`, path, readOnly, cdrom, secret },
      `${model},bootindex=${usbFirst + at}${place}`,
    );
  });
  const seed = boot.seed === undefined ? [] : seedDrive(files, paths.seed, legacy ? idePlace(ide, true) : "");
  const nicModel = legacy ? "e1000" : "virtio-net-pci";
  const nics = spec.nics.flatMap(({ tap, mac }, at) => [
    ...["-netdev", `tap,id=n${at},ifname=${tap},script=no,downscript=no`],
    ...["-device", `${nicModel},netdev=n${at},mac=${mac},romfile=`],
  ]);
  const args = [
    ...["-M", legacy ? "pc" : "q35,smm=off"],
    ...(acceleration.kind === "kvm"
      ? ["-accel", "kvm", "-cpu", "host"]
      : ["-accel", `tcg,thread=multi,tb-size=${vmTranslationCacheMib}`, "-cpu", "max"]),
    // It waits until somebody listens to its console, and begins when it is told to.
    ...["-S", "-nodefaults", "-no-user-config", "-display", "none"],
    ...["-name", spec.id, "-uuid", spec.id, "-m", `${spec.memoryMib}M`, "-smp", `${spec.vcpus}`],
    ...firmware(files, paths),
    // What is written while nobody listens is lost; it must not fill a disk or hold the guest up.
    ...["-chardev", socket("console"), "-serial", "chardev:console"],
    ...drives,
    ...seed,
    ...(legacy ? [] : ["-device", "virtio-rng-pci"]),
    ...nics,
    ...usbBus(spec, boot),
    ...screen(files, boot),
    ...(spec.devices ?? []).flatMap((device, at) => passed(device, at, usbFirst ? usbDevices(spec) : [])),
    ...control,
  ];
  return { args, files };
}

function usbDevices({ devices = [] }: VmSpec): readonly MachineDevice[] {
  return devices.filter(({ kind }) => kind === "usb");
}

function screen(files: MachineFiles, { screen: number, screenPassword, resolution }: VmBoot): string[] {
  if (number === undefined) return [];
  const size = resolution === undefined ? "" : `,xres=${resolution.width},yres=${resolution.height}`;
  const devices = ["-device", `VGA${size}`, "-device", "usb-tablet"];
  if (screenPassword === undefined) return [...devices, "-vnc", "unix:vnc.sock"];
  return [
    ...devices,
    ...files.secret("screen", screenPassword),
    "-vnc",
    "unix:vnc.sock,password-secret=screen",
  ];
}

function usbBus(spec: VmSpec, { screen }: VmBoot): string[] {
  const wanted = screen !== undefined || usbDevices(spec).length > 0;
  return wanted ? ["-device", "qemu-xhci"] : [];
}

/**
 * A device of the box, from which is started when it is among the first. Its own ROM is not run, as nobody has
 * measured it.
 */
function passed(device: MachineDevice, at: number, first: readonly MachineDevice[]): string[] {
  const place = first.indexOf(device);
  const index = place < 0 ? "" : `,bootindex=${place}`;
  if (device.kind === "pci") return ["-device", `vfio-pci,host=${device.address},rombar=0`];
  if (device.kind === "usb")
    return ["-device", `usb-host,hostbus=${device.bus},hostport=${device.port}${index}`];
  return ["-chardev", `serial,id=s${at},path=${device.node}`, "-device", `pci-serial,chardev=s${at}`];
}

interface Drive extends MachineDisk {
  readonly cdrom: boolean;
}

function drive(files: MachineFiles, what: Drive, device: string): string[] {
  const access = what.readOnly ? "readonly=on" : "discard=unmap,werror=report";
  const media = what.cdrom ? ",media=cdrom" : "";
  return [
    ...driveArgs(files, what, `if=none,${access}${media}`),
    ...["-device", `${device},drive=${what.name},serial=${what.name}`],
  ];
}

/** Kernels made for clouds know SCSI over virtio and no AHCI; what knows neither gets it on an old machine's IDE. */
function seedDrive(files: MachineFiles, path: string, place: string): string[] {
  const cd = { name: "seed", path, readOnly: true, cdrom: true, secret: undefined };
  if (place !== "") return drive(files, cd, `ide-cd,${place}`);
  return ["-device", "virtio-scsi-pci,id=scsi", ...drive(files, cd, "scsi-cd,bus=scsi.0")];
}

/** q35 has a bus for each drive, the old machine two for two each. */
function idePlace(at: number, legacy: boolean): string {
  return legacy ? `bus=ide.${at >> 1},unit=${at & 1}` : `bus=ide.${at}`;
}

function firmware(files: MachineFiles, { firmware, variables }: VmPaths): string[] {
  if (variables === undefined) return [];
  const code = { name: "firmware", path: firmware, readOnly: true, secret: undefined };
  return [
    ...driveArgs(files, code, "if=pflash,unit=0,readonly=on"),
    ...driveArgs(files, { ...variables, name: "variables", readOnly: false }, "if=pflash,unit=1"),
  ];
}
