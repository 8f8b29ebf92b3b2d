/**
 * What the boot loader finds on its partition: its settings and an entry for each slot that holds a system. Pure.
 *
 * An entry is named after its slot. A number behind a + is how often it may still be tried: systemd-boot counts it
 * down at each try, and takes the other slot when none is left or another is newer; the system that proves itself
 * takes the number off its own entry, and off no other.
 */
import { type Slot, slotLabel } from "./disk-plan.ts";

export interface BootFile {
  readonly path: string;
  readonly text: string;
}

export interface SlotSystem {
  readonly slot: Slot;
  /** The newer one is preferred; as Debian compares versions. */
  readonly version: string;
  readonly options: readonly string[];
}

export const loaderFile: BootFile = {
  path: "loader/loader.conf",
  // Nobody sits in front of it, and who does shall not change how the box starts.
  text: "timeout 0\neditor no\nconsole-mode keep\ndefault selvedge-*\n",
};

/** Of the boot loader: where firmware looks on a disk that it does not know, and where `bootctl` looks. */
export const loaderPrograms: readonly string[] = ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"];

export const kernelPath = (slot: Slot): string => `selvedge/${slot}/linux`;
export const initramfsPath = (slot: Slot): string => `selvedge/${slot}/initrd`;

/** `tries` undefined: it has proved itself. */
export function bootEntry(system: SlotSystem, tries: number | undefined): BootFile {
  const { slot, version, options } = system;
  return {
    path: `loader/entries/${entryName(slot)}${tries === undefined ? "" : `+${tries}`}.conf`,
    text: [
      `title Selvedge ${version} (${slot})`,
      "sort-key selvedge",
      `version ${version}`,
      `linux /${kernelPath(slot)}`,
      `initrd /${initramfsPath(slot)}`,
      `options ${options.join(" ")}`,
      "",
    ].join("\n"),
  };
}

const entryName = (slot: Slot): string => `selvedge-${slot}`;

export interface KernelWishes {
  readonly consoles: readonly string[];
  readonly kernelArguments: readonly string[];
}

export function kernelOptions(slot: Slot, wishes: KernelWishes): readonly string[] {
  const { consoles, kernelArguments } = wishes;
  return [
    `root=PARTLABEL=${slotLabel(slot)}`,
    ...["rootfstype=squashfs", "ro"],
    // A kernel or initramfs that cannot go on starts over, so that its tries are used up; nobody is there to look.
    "panic=10",
    ...["loglevel=4", "systemd.show_status=error"],
    // Cards are called as EVE calls them, and as configurations that name none do.
    "net.ifnames=0",
    ...consoles.map((console) => `console=${console}`),
    ...kernelArguments,
  ];
}
