/** What a virtual machine has beside its disks and plugs. */
export interface VmSettings {
  readonly firmware: "bios" | "uefi";
  /** `legacy`: devices that any system knows. */
  readonly devices: "virtio" | "legacy";
  /** The number of its screen, to be looked at by VNC; undefined: it has none. */
  readonly screen: number | undefined;
  /** What its screen asks for; not there: nothing. */
  readonly screenPassword?: string;
}
