/**
 * Files that a machine works with, opened by us and handed to QEMU as descriptors, so that it needs no right
 * to them. Standard input, output and error come first.
 */
export class MachineFiles {
  readonly #opens: { readonly path: string; readonly flags: "r" | "r+" }[] = [];

  /** What to open, in the order of descriptors from 3 on. */
  get opens(): readonly { readonly path: string; readonly flags: "r" | "r+" }[] {
    return this.#opens;
  }

  /** A path in QEMU's own eyes for a file that is only read, by parts of it that know no descriptors. */
  read(path: string): string {
    return `/proc/self/fd/${this.#open(path, "r")}`;
  }

  /** Arguments that make a set of the descriptors, and the path that stands for it. */
  set(path: string, writable: boolean): { readonly args: readonly string[]; readonly file: string } {
    const first = this.#open(path, "r");
    // Twice: QEMU looks at a disk before it opens it to write, and takes a descriptor that fits.
    const fds = writable ? [first, this.#open(path, "r+")] : [first];
    return { args: fds.flatMap((fd) => ["-add-fd", `fd=${fd},set=${first}`]), file: `/dev/fdset/${first}` };
  }

  #open(path: string, flags: "r" | "r+"): number {
    return this.#opens.push({ path, flags }) + firstDescriptor - 1;
  }
}

const firstDescriptor = 3;
