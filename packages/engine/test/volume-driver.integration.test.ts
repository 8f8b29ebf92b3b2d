/** Disk images in every format that a configuration may name, and such as would read what is not theirs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { DiskFormat } from "../src/desired.ts";
import { runTool } from "../src/host/qemu/image-tools.ts";
import { QemuImgDriver } from "../src/volume/qemu/qemu-img-driver.ts";
import { BadVolumeError } from "../src/volume/volume-driver.ts";
import { FolderDisk } from "./folder-disk.ts";

const missing = ["/usr/bin/qemu-img", "/usr/sbin/mke2fs"].find((path) => !existsSync(path));
const skip = missing === undefined ? false : `${missing} is missing`;
const signal = new AbortController().signal;
const mib = 2 ** 20;

interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly driver: QemuImgDriver;
  image(...args: string[]): void;
}

async function place(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "svi-"));
  return {
    folder,
    driver: new QemuImgDriver(new FolderDisk(folder)),
    image: (...args) => void execFileSync("qemu-img", args, { cwd: folder, stdio: "ignore" }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

describe("a tool for disk images", { skip }, () => {
  it("has room for all its threads in what it may have", async () => {
    const said = await runTool("sh", ["-c", "ulimit -v; ulimit -s; echo $MALLOC_ARENA_MAX"]);
    const [space = 0, stack = Number.NaN, arenas] = said.trim().split("\n").map(Number);
    assert.ok(64 * stack < space / 2, said);
    assert.equal(arenas, 1, "else each thread sets 64 MiB aside");
  });
});

describe("a disk image", { skip }, () => {
  const formats: [DiskFormat, string[]][] = [
    ["raw", ["raw"]],
    ["qcow", ["qcow"]],
    ["qcow2", ["qcow2", "-c"]],
    ["vhd", ["vpc", "-o", "force_size=on"]],
    ["vhdx", ["vhdx"]],
    ["vmdk", ["vmdk"]],
    ["vmdk", ["vmdk", "-o", "subformat=streamOptimized"]],
  ];
  for (const [format, options] of formats)
    it(`becomes a raw one from ${options.join(" ")}, holes left out`, async () => {
      await using at = await place();
      const content = Buffer.concat([randomBytes(mib), Buffer.alloc(8 * mib)]);
      await writeFile(join(at.folder, "raw"), content);
      at.image("convert", "-f", "raw", "-O", ...options, "raw", "image");
      assert.deepEqual(await at.driver.inspect("image", format, signal), { virtualBytes: 9 * mib });
      const image = { path: "volumes/v.img", bytes: 20 * mib, secret: undefined };
      await at.driver.convert("image", format, image, signal);
      const made = await readFile(join(at.folder, "volumes/v.img"));
      assert.ok(made.subarray(0, content.length).equals(content));
      assert.equal(made.length, 20 * mib);
      assert.ok((await at.driver.usedBytes("volumes/v.img")) < 3 * mib);
    });

  for (const sealed of [false, true])
    it(`is read where it lies in an OVA${sealed ? ", into a sealed one" : ""}`, async () => {
      await using at = await place();
      const content = randomBytes(mib);
      await writeFile(join(at.folder, "raw"), content);
      at.image("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", "raw", "a.vmdk");
      const [file, disk] = [`<File ovf:id="f" ovf:href="a.vmdk"/>`, `<Disk ovf:fileRef="f"/>`];
      await writeFile(join(at.folder, "m.ovf"), `<Envelope>${file}${disk}</Envelope>`);
      const tar = ["--format=ustar", "-cf", "m,1.ova", "m.ovf", "a.vmdk"];
      execFileSync("tar", tar, { cwd: at.folder });
      assert.deepEqual(await at.driver.inspect("m,1.ova", "ova", signal), { virtualBytes: mib });
      const image = { path: "volumes/v.img", bytes: 2 * mib, secret: sealed ? "key" : undefined };
      await at.driver.convert("m,1.ova", "ova", image, signal);
      if (sealed) assert.equal(await at.driver.isBlank(image), false);
      else assert.ok((await readFile(join(at.folder, "volumes/v.img"))).subarray(0, mib).equals(content));
    });

  it("is refused when it is not what it is said to be", async () => {
    await using at = await place();
    await writeFile(join(at.folder, "image"), randomBytes(mib));
    await assert.rejects(at.driver.inspect("image", "qcow2", signal), BadVolumeError);
  });

  it("is refused when it has a base, which would be a file of this node", async () => {
    await using at = await place();
    await writeFile(join(at.folder, "secret"), Buffer.alloc(mib, 1));
    at.image("create", "-f", "qcow2", "-b", join(at.folder, "secret"), "-F", "raw", "image");
    await assert.rejects(at.driver.inspect("image", "qcow2", signal), /refers to another file/);
    at.image("create", "-f", "qcow2", "-o", `data_file=${join(at.folder, "data")}`, "other", "1M");
    await assert.rejects(at.driver.inspect("other", "qcow2", signal), /refers to another file/);
  });

  it("is refused when it is a text that names files of this node", async () => {
    await using at = await place();
    await writeFile(join(at.folder, "secret"), Buffer.alloc(mib, 1));
    const lines = [
      "# Disk DescriptorFile",
      "version=1",
      'createType="monolithicFlat"',
      'RW 2048 FLAT "secret" 0',
    ];
    await writeFile(join(at.folder, "image"), lines.join("\n"));
    await assert.rejects(at.driver.inspect("image", "vmdk", signal), /description of other files/);
  });
});

describe("a blank volume", { skip }, () => {
  it("takes nothing until something is on it, and gets a file system once", async () => {
    await using at = await place();
    const image = { path: "v.img", bytes: 64 * mib, secret: undefined };
    await at.driver.blank(image);
    assert.equal((await stat(join(at.folder, "v.img"))).size, 64 * mib);
    assert.equal(await at.driver.usedBytes("v.img"), 0);
    assert.equal(await at.driver.isBlank(image), true);
    await assert.rejects(at.driver.blank(image), /EEXIST/);
  });

  it("gets an empty file system that anybody may write to", async () => {
    await using at = await place();
    const image = { path: "v.img", bytes: 64 * mib, secret: undefined };
    await at.driver.filesystem(image, signal);
    assert.equal(await at.driver.isBlank(image), false);
    const path = join(at.folder, "v.img");
    assert.match(execFileSync("dumpe2fs", ["-h", path]).toString(), /Filesystem state: +clean/);
    const root = execFileSync("debugfs", ["-R", "stat /", path], { stdio: "pipe" });
    assert.match(root.toString(), /Type: directory +Mode: +0777/);
  });
});

describe("a sealed volume", { skip }, () => {
  const secret = "c2VjcmV0IG9mIG9uZSB2b2x1bWU=";
  const signs = "what nobody else may read; ";

  /** What the image's owner reads, by QEMU's own eyes. */
  async function opened(at: Place, path: string, words = secret): Promise<Buffer> {
    await writeFile(join(at.folder, "words"), words);
    const options = `driver=qcow2,encrypt.key-secret=k,file.filename=${path}`;
    at.image(
      ...["convert", "--object", "secret,id=k,file=words", "--image-opts", options],
      ...["-O", "raw", "out"],
    );
    return await readFile(join(at.folder, "out"));
  }

  it("holds what its content does for who has its secret, and for nobody else", async () => {
    await using at = await place();
    const content = Buffer.concat([Buffer.alloc(mib, signs), Buffer.alloc(8 * mib)]);
    await writeFile(join(at.folder, "raw"), content);
    at.image("convert", "-f", "raw", "-O", "qcow2", "raw", "image");
    const image = { path: "a,b#0.qcow2", bytes: 20 * mib, secret };
    await at.driver.convert("image", "qcow2", image, signal);
    const made = await readFile(join(at.folder, image.path));
    assert.equal(made.includes("nobody else"), false);
    assert.equal((await at.driver.usedBytes(image.path)) < 3 * mib, true);
    assert.equal(await at.driver.isBlank(image), false);
    const read = await opened(at, "a,,b#0.qcow2");
    assert.ok(read.subarray(0, content.length).equals(content));
    assert.equal(read.length, 20 * mib);
    await assert.rejects(opened(at, "a,,b#0.qcow2", "another"), /Command failed/);
  });

  it("is zeros while nothing is on it, and sound", async () => {
    await using at = await place();
    const image = { path: "v.qcow2", bytes: 3 * 2 ** 40, secret };
    await at.driver.blank(image);
    assert.equal(await at.driver.isBlank(image), true);
    assert.ok((await at.driver.usedBytes(image.path)) < mib);
    await writeFile(join(at.folder, "words"), secret);
    const options = `driver=qcow2,encrypt.key-secret=k,file.filename=${image.path}`;
    at.image("check", "--object", "secret,id=k,file=words", "--image-opts", options);
  });

  it("has a key of its own: what is the same on two is not the same in their files", async () => {
    await using at = await place();
    await writeFile(join(at.folder, "raw"), Buffer.alloc(mib, signs));
    const parts: string[] = [];
    for (const path of ["one.qcow2", "two.qcow2"]) {
      await at.driver.convert("raw", "raw", { path, bytes: mib, secret }, signal);
      parts.push((await readFile(join(at.folder, path))).subarray(-mib).toString("latin1"));
    }
    assert.notEqual(parts[0], parts[1]);
  });

  it("gets a file system as a raw one does", async () => {
    await using at = await place();
    const image = { path: "v.qcow2", bytes: 64 * mib, secret };
    await at.driver.filesystem(image, signal);
    await opened(at, image.path);
    const shown = execFileSync("dumpe2fs", ["-h", join(at.folder, "out")], { stdio: "pipe" });
    assert.match(shown.toString(), /Filesystem state: +clean/);
  });
});
