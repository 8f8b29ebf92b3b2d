/**
 * Files that a machine works with, opened by us and handed to QEMU as descriptors, so that it needs no right
 * to them. Standard input, output and error come first.
 */
export class MachineFiles {
  readonly #opens: MachineFile[] = [];

  /** What to open, in the order of descriptors from 3 on. */
  get opens(): readonly MachineFile[] {
    return this.#opens;
  }

  /** A path in QEMU's own eyes for a file that is only read, by parts of it that know no descriptors. */
  read(path: string): string {
    return `/proc/self/fd/${this.#open({ path, flags: "r" })}`;
  }

  /** Arguments that make a set of the descriptors, and the path that stands for it. */
  set(path: string, writable: boolean): { readonly args: readonly string[]; readonly file: string } {
    const first = this.#open({ path, flags: "r" });
    // Twice: QEMU looks at a disk before it opens it to write, and takes a descriptor that fits.
    const fds = writable ? [first, this.#open({ path, flags: "r+" })] : [first];
    return { args: fds.flatMap((fd) => ["-add-fd", `fd=${fd},set=${first}`]), file: `/dev/fdset/${first}` };
  }

  /** Arguments that tell QEMU a secret under a name; it never is in them. */
  secret(name: string, secret: string): readonly string[] {
    return ["-object", `secret,id=${name},file=/proc/self/fd/${this.#open({ secret })}`];
  }

  #open(file: MachineFile): number {
    return this.#opens.push(file) + firstDescriptor - 1;
  }
}

export type MachineFile =
  | { readonly path: string; readonly flags: "r" | "r+" }
  /** Read by the machine's user, from no disk. */
  | { readonly secret: string };

/** One disk of a machine. */
export interface MachineDisk {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
  /** Of a sealed image; undefined: a raw one. */
  readonly secret: string | undefined;
}

/** QEMU's `-drive` for a disk, with the rest of its options, and what it relies on. */
export function driveArgs(files: MachineFiles, disk: MachineDisk, options: string): string[] {
  const { name, path, readOnly, secret } = disk;
  const { args, file } = files.set(path, !readOnly);
  const key = `key-${name}`;
  return [
    ...args,
    ...(secret === undefined ? [] : files.secret(key, secret)),
    "-drive",
    `id=${name},file=${file},format=${secret === undefined ? "raw" : `qcow2,encrypt.key-secret=${key}`},${options}`,
  ];
}

const firstDescriptor = 3;
