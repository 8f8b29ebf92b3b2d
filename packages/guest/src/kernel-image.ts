/**
 * Where in a bzImage the packed kernel may begin, and with what it is unpacked. Several places can match by
 * chance.
 */
export interface Candidate {
  readonly command: string;
  readonly args: readonly string[];
  readonly offset: number;
}

const formats = [
  { command: "lz4", args: ["-dc"], magic: [0x02, 0x21, 0x4c, 0x18] },
  { command: "zstd", args: ["-dc"], magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { command: "xz", args: ["-dc", "--single-stream"], magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
] as const;

export function findCompressed(image: Uint8Array): Candidate[] {
  const found: Candidate[] = [];
  for (const { command, args, magic } of formats) {
    for (let offset = image.indexOf(magic[0]); offset >= 0; offset = image.indexOf(magic[0], offset + 1)) {
      if (magic.every((byte, at) => image[offset + at] === byte)) found.push({ command, args, offset });
    }
  }
  return found;
}
