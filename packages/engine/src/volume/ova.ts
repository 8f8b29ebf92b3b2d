/**
 * Where in an OVA its disk is: a tar with an OVF, which describes a machine, and what that names. Nothing is
 * taken out: QEMU reads the disk where it lies. Only headers are read, and the OVF.
 */
import { BadVolumeError } from "./volume-driver.ts";

/** Reads at most as many bytes; fewer only where the file ends. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

export interface Region {
  readonly offset: number;
  readonly size: number;
}

interface Member extends Region {
  readonly name: string;
}

const block = 512;
/** An OVF, a manifest, certificates, and a few disks and texts; more is no OVA but an archive. */
const membersMax = 64;
/** Those of machines of one disk have some kilobytes. */
const ovfMax = 2 ** 20;

/** Throws a BadVolumeError for what has not exactly one disk, whole in itself. */
export async function diskInOva(read: ReadAt): Promise<Region> {
  const members = await membersOf(read);
  const [ovf] = members;
  if (ovf === undefined || !/\.ovf$/i.test(ovf.name))
    throw new BadVolumeError("the OVA does not begin with an OVF");
  if (ovf.size > ovfMax) throw new BadVolumeError(`${ovf.name} in the OVA has ${ovf.size} bytes`);
  const name = diskName(new TextDecoder().decode(await read(ovf.offset, ovf.size)));
  const disk = members.find((member) => member.name === name);
  if (disk === undefined)
    throw new BadVolumeError(`the OVF names ${JSON.stringify(name)}, which the OVA lacks`);
  return { offset: disk.offset, size: disk.size };
}

async function membersOf(read: ReadAt): Promise<Member[]> {
  const members: Member[] = [];
  for (let at = 0; ; ) {
    const header = await read(at, block);
    // The end is a block of zeros; some writers leave it out.
    if (header.every((byte) => byte === 0)) return members;
    if (members.length === membersMax) throw new BadVolumeError(`the OVA has more than ${membersMax} files`);
    const { name, size } = readHeader(header);
    const offset = at + block;
    if (size > 0 && (await read(offset + size - 1, 1)).length === 0)
      throw new BadVolumeError(`the OVA ends within ${name}`);
    members.push({ name, offset, size });
    at = offset + Math.ceil(size / block) * block;
  }
}

const [nameEnd, sizeAt, sumAt, typeAt, magicAt] = [100, 124, 148, 156, 257];

/** Of the tar of POSIX, which OVF asks for. Links and whatever points elsewhere are no files of an OVA. */
function readHeader(header: Uint8Array): { name: string; size: number } {
  const text = (from: number, to: number): string =>
    new TextDecoder("latin1").decode(header.subarray(from, to)).split("\0")[0] ?? "";
  const octal = (from: number, to: number): number => Number.parseInt(text(from, to).trim() || "0", 8);
  const sum = header.reduce((total, byte, at) => total + (at >= sumAt && at < typeAt ? 0x20 : byte), 0);
  if (header.length < block || text(magicAt, magicAt + 5) !== "ustar" || sum !== octal(sumAt, typeAt))
    throw new BadVolumeError("the OVA is no tar as POSIX has it");
  const name = text(0, nameEnd);
  const type = text(typeAt, typeAt + 1);
  if (type !== "" && type !== "0")
    throw new BadVolumeError(
      `${name} in the OVA is no plain file (type ${type}); write it with --format=ustar`,
    );
  return { name, size: sizeOf(header, octal) };
}

/** Of more than 8 GiB in binary, as all that write such archives do. */
function sizeOf(header: Uint8Array, octal: (from: number, to: number) => number): number {
  const binary = ((header[sizeAt] ?? 0) & 0x80) !== 0;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const size = binary ? Number(view.getBigUint64(sizeAt + 4)) : octal(sizeAt, sizeAt + 12);
  if (!Number.isSafeInteger(size) || size < 0) throw new BadVolumeError("the OVA says no size of a file");
  return size;
}

/** A few attributes of two elements are all that is wanted of the OVF. */
function diskName(text: string): string {
  const ovf = text.replace(/<!--[\s\S]*?-->/g, "");
  const disks = elements(ovf, "Disk").filter((disk) => disk.has("fileRef"));
  const [disk] = disks;
  if (disk === undefined || disks.length > 1)
    throw new BadVolumeError(`the OVF has ${disks.length} disks with content; a volume is one: split it up`);
  if (!/vmdk/i.test(disk.get("format") ?? "vmdk"))
    throw new BadVolumeError(`the OVF has a disk of format ${disk.get("format")}; only VMDK is read`);
  const ref = disk.get("fileRef");
  const file = elements(ovf, "File").find((it) => it.get("id") === ref);
  const name = file?.get("href") ?? "";
  if (file === undefined || name === "" || /[/\\:]/.test(name))
    throw new BadVolumeError(
      `the OVF has its disk at ${JSON.stringify(name)}; it has to be in the OVA itself`,
    );
  for (const way of ["compression", "chunkSize"])
    if (![undefined, "", "identity"].includes(file.get(way)))
      throw new BadVolumeError(`the OVF has its disk with ${way}; use a stream-optimized VMDK`);
  return name;
}

/** The attributes of each element of a name, both without the prefixes of their namespaces. */
function elements(xml: string, name: string): ReadonlyMap<string, string>[] {
  const starts = xml.matchAll(new RegExp(`<(?:[\\w.-]+:)?${name}(\\s[^<>]*?)/?>`, "g"));
  return [...starts].map(([, attributes = ""]) => {
    const pairs = attributes.matchAll(/(?:^|\s)(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g);
    return new Map([...pairs].map(([, key = "", double, single]) => [key, double ?? single ?? ""]));
  });
}
