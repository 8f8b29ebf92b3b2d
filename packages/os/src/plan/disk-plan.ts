/**
 * Where everything lies on the disk. Pure.
 *
 *   1 MiB   selvedge-esp      FAT   boot loader, its entries, a kernel and an initramfs for each slot
 *           selvedge-config   FAT   what the fitter gives the box; in EVE's form
 *           selvedge-a        squashfs, the first version of the system
 *           selvedge-b        empty until there is a second one
 *           selvedge-state    the rest of the disk, made by the box when it boots for the first time
 */
import { createHash } from "node:crypto";

export type Slot = "a" | "b";
const slots: readonly Slot[] = ["a", "b"];

export const espLabel = "selvedge-esp";
export const configLabel = "selvedge-config";
export const stateLabel = "selvedge-state";
export const slotLabel = (slot: Slot): string => `selvedge-${slot}`;

export interface Partition {
  readonly label: string;
  /** Of GPT. */
  readonly type: string;
  readonly uuid: string;
  readonly firstSector: number;
  readonly sectors: number;
  /** Bits that others set partitions aside by, as sfdisk names them; empty: none. */
  readonly attributes: string;
}

export interface DiskPlan {
  readonly uuid: string;
  readonly partitions: readonly Partition[];
  readonly bytes: number;
}

export const sectorBytes = 512;
const mib = 2 ** 20;
/** Partitions begin where flash and disks of any make begin a block. */
const alignMib = 1;
/** EVE's is as large; certificates take some kilobytes. */
export const configMib = 5;

const efiSystem = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/** What laptops open when the disk is put into them, so that a fitter can write to it. */
const basicData = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";
/** Linux' root on x86-64. */
const root = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
/** Linux' data: by it the box finds its state, and no other partition may have it. */
export const stateType = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
/** Neither written to nor mounted by whoever does so by type. */
const fixed = "GUID:60,63";

/** The state's partition is not in it: an image as large as what it holds fits any disk. */
export function planDisk(sizes: { readonly bootMib: number; readonly slotMib: number }): DiskPlan {
  const { bootMib, slotMib } = sizes;
  const rows: readonly (readonly [label: string, type: string, size: number, attributes: string])[] = [
    [espLabel, efiSystem, bootMib, ""],
    [configLabel, basicData, configMib, ""],
    ...slots.map((slot) => [slotLabel(slot), root, slotMib, fixed] as const),
  ];
  let at = alignMib;
  const partitions = rows.map(([label, type, size, attributes]): Partition => {
    const firstSector = (at * mib) / sectorBytes;
    at += size;
    return { label, type, uuid: uuidOf(label), firstSector, sectors: (size * mib) / sectorBytes, attributes };
  });
  // The table's copy lies at the end.
  return { uuid: uuidOf("disk"), partitions, bytes: (at + alignMib) * mib };
}

export function partitionOf(plan: Pick<DiskPlan, "partitions">, label: string): Partition {
  const found = plan.partitions.find((it) => it.label === label);
  if (found === undefined) throw new Error(`there is no partition ${label}`);
  return found;
}

/** What sfdisk reads. */
export function sfdiskScript({ uuid, partitions }: DiskPlan): string {
  const lines = partitions.map(({ label, type, uuid, firstSector, sectors, attributes }) =>
    [
      ...[`start=${firstSector}`, `size=${sectors}`, `type=${type}`, `uuid=${uuid}`, `name="${label}"`],
      ...(attributes === "" ? [] : [`attrs="${attributes}"`]),
    ].join(", "),
  );
  return ["label: gpt", `label-id: ${uuid}`, "unit: sectors", "", ...lines, ""].join("\n");
}

/** The same at every build: two images of one profile are the same bytes. */
export function uuidOf(name: string): string {
  const hash = createHash("sha256").update(`selvedge/${name}`).digest("hex");
  // The version and variant of one that somebody made as he liked.
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`];
  return [...parts, hash.slice(20, 32)].join("-").toUpperCase();
}
