import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pack } from "tar-stream";
import { diskInOva } from "./ova.ts";
import { BadVolumeError } from "./volume-driver.ts";

type Entry = readonly [name: string, content: string, type?: "symlink"];

const ovf = (disks = `<Disk ovf:diskId="d" ovf:fileRef="f"/>`, file = `ovf:href="a.vmdk"`): string =>
  `<?xml version="1.0"?><Envelope xmlns:ovf="x"><References><File ovf:id="f" ${file} /></References>
   <!-- <Disk ovf:fileRef="old"/> -->
   <DiskSection>${disks}<Disk ovf:diskId="blank" ovf:capacity="1"/></DiskSection></Envelope>`;

async function archive(...entries: readonly Entry[]): Promise<Uint8Array> {
  const tar = pack();
  for (const [name, content, type] of entries)
    if (type === undefined) tar.entry({ name }, content);
    else tar.entry({ name, type, linkname: "/etc/shadow" });
  tar.finalize();
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Buffer>));
}

const find = async (bytes: Uint8Array): Promise<string> => {
  const { offset, size } = await diskInOva(async (at, length) => bytes.subarray(at, at + length));
  return Buffer.from(bytes.subarray(offset, offset + size)).toString();
};

describe("the disk of an OVA", () => {
  const found: [string, readonly Entry[]][] = [
    [
      "behind its description",
      [
        ["m.ovf", ovf()],
        ["a.vmdk", "disk"],
      ],
    ],
    [
      "behind other files",
      [
        ["m.ovf", ovf()],
        ["m.mf", "x".repeat(600)],
        ["other.vmdk", "no"],
        ["a.vmdk", "disk"],
      ],
    ],
    [
      "by either quotes, without prefixes",
      [
        ["M.OVF", ovf("<Disk fileRef = 'f'/>")],
        ["a.vmdk", "disk"],
      ],
    ],
    [
      "of VMDK's own format",
      [
        ["m.ovf", ovf(`<Disk ovf:fileRef="f" ovf:format="http://x/vmdk.html#streamOptimized"/>`)],
        ["a.vmdk", "disk"],
      ],
    ],
  ];
  for (const [name, entries] of found)
    it(`is found ${name}`, async () => assert.equal(await find(await archive(...entries)), "disk"));

  const two = `<Disk ovf:fileRef="f"/><Disk ovf:fileRef="g"/>`;
  const refused: [string, readonly Entry[], RegExp][] = [
    ["nothing", [], /does not begin with an OVF/],
    ["no description", [["a.vmdk", "disk"]], /does not begin with an OVF/],
    ["no disk", [["m.ovf", ovf("")]], /has 0 disks/],
    [
      "two disks",
      [
        ["m.ovf", ovf(two)],
        ["a.vmdk", "disk"],
      ],
      /has 2 disks/,
    ],
    ["a disk that is not in it", [["m.ovf", ovf()]], /which the OVA lacks/],
    [
      "a disk elsewhere on the node",
      [["m.ovf", ovf(undefined, `ovf:href="../../a.vmdk"`)]],
      /in the OVA itself/,
    ],
    ["a disk on the network", [["m.ovf", ovf(undefined, `ovf:href="http://x/a"`)]], /in the OVA itself/],
    [
      "a link for a disk",
      [
        ["m.ovf", ovf()],
        ["a.vmdk", "", "symlink"],
      ],
      /no plain file/,
    ],
    [
      "a compressed disk",
      [
        ["m.ovf", ovf(undefined, `ovf:href="a.vmdk" ovf:compression="gzip"`)],
        ["a.vmdk", "disk"],
      ],
      /with compression/,
    ],
    [
      "another format",
      [
        ["m.ovf", ovf(`<Disk ovf:fileRef="f" ovf:format="vhd"/>`)],
        ["a.vmdk", "d"],
      ],
      /only VMDK/,
    ],
    ["a description without end", [["m.ovf", "x".repeat(2 ** 20 + 1)]], /1048577 bytes/],
    [
      "hundreds of files",
      Array.from({ length: 65 }, (_, at) => [`${at}`, ""] as const),
      /more than 64 files/,
    ],
  ];
  for (const [name, entries, why] of refused)
    it(`is refused: ${name}`, async () => {
      const error = await find(await archive(...entries)).catch((it: unknown) => it);
      assert(error instanceof BadVolumeError);
      assert.match(error.message, why);
    });

  it("is refused when the archive is cut or changed", async () => {
    const bytes = await archive(["m.ovf", ovf()], ["a.vmdk", "disk".repeat(200)]);
    await assert.rejects(find(bytes.subarray(0, 2000)), /ends within a.vmdk/);
    const changed = Buffer.from(bytes);
    changed.write("9", 1050);
    await assert.rejects(find(changed), BadVolumeError);
    await assert.rejects(find(Buffer.alloc(2000, "x")), /no tar/);
  });
});
