/** States inside a sealed image, on the real qemu-img: also when it is killed in the middle. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DiskFullError } from "../src/host/disk.ts";
import { ImageBusyError } from "../src/host/qemu/image-tools.ts";
import { QemuImgDriver } from "../src/volume/qemu/qemu-img-driver.ts";
import { BadVolumeError, type VolumeImage } from "../src/volume/volume-driver.ts";
import { FolderDisk } from "./folder-disk.ts";

const missing = ["/usr/bin/qemu-img", "/usr/bin/qemu-io"].find((path) => !existsSync(path));
const skip = missing === undefined ? false : `${missing} is missing`;
const mib = 2 ** 20;
const secret = "c2VjcmV0IG9mIG9uZSB2b2x1bWU=";
const [first, second] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];

class Place implements AsyncDisposable {
  readonly folder: string;
  readonly driver: QemuImgDriver;
  readonly image: VolumeImage = { path: "v.qcow2", bytes: 1024 * mib, secret };

  private constructor(folder: string) {
    this.folder = folder;
    this.driver = new QemuImgDriver(new FolderDisk(folder));
  }

  static async open(folder?: string): Promise<Place> {
    const at = new Place(folder ?? (await mkdtemp(join(tmpdir(), "svs-"))));
    writeFileSync(join(at.folder, "secret"), secret);
    await at.driver.blank(at.image);
    return at;
  }

  get args(): string[] {
    const image = `driver=qcow2,encrypt.key-secret=key,file.filename=${join(this.folder, "v.qcow2")}`;
    return ["--object", `secret,id=key,file=${join(this.folder, "secret")}`, "--image-opts", image];
  }

  /** What an app would do to its disk; throws when it reads anything else than it should. */
  io(...commands: string[]): void {
    const said = execFileSync("qemu-io", [...commands.flatMap((it) => ["-c", it]), ...this.args]).toString();
    assert.doesNotMatch(said, /failed/, said);
  }

  check(): string {
    return execFileSync("qemu-img", ["check", ...this.args], { stdio: "pipe" }).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

describe("a sealed image", { skip }, () => {
  it("goes back to each of its states, as often as is asked, and takes less without them", async () => {
    await using at = await Place.open();
    const { driver, image } = at;
    at.io("write -P 1 0 4M");
    await driver.snapshot(image, "take", first);
    await driver.snapshot(image, "take", first);
    at.io("write -P 2 0 4M");
    await driver.snapshot(image, "take", second);
    at.io("write -P 3 2M 6M");
    for (let round = 0; round < 2; round++) {
      await driver.snapshot(image, "restore", first);
      at.io("read -P 1 0 4M", "read -P 0 4M 4M", "write -P 4 0 8M");
    }
    await driver.snapshot(image, "restore", second);
    at.io("read -P 2 0 4M", "read -P 0 4M 4M");
    await driver.snapshot(image, "drop", first);
    await driver.snapshot(image, "drop", first);
    await driver.snapshot(image, "drop", second);
    at.io("read -P 2 0 4M");
    assert.match(at.check(), /No errors were found/);
    await assert.rejects(driver.snapshot(image, "restore", first), BadVolumeError);
  });

  it("is left alone while a machine has it, which is no fault of the image", async () => {
    await using at = await Place.open();
    const machine = spawn("qemu-io", at.args, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(machine, "close");
    try {
      machine.stdin.write("write 0 64k\n");
      await once(machine.stdout, "data");
      await assert.rejects(at.driver.snapshot(at.image, "take", first), ImageBusyError);
    } finally {
      machine.stdin.end("quit\n");
    }
    await ended;
    await at.driver.snapshot(at.image, "take", first);
  });

  it("is mended after a power cut in the middle of any act, which then is done once more", async () => {
    await using at = await Place.open();
    const { driver, image } = at;
    at.io("write -P 1 0 8M");
    await driver.snapshot(image, "take", first);
    at.io("write -P 2 0 8M");
    const log = openSync(join(at.folder, "log"), "w");
    const acts = [
      ["-c", second, "take", "read -P 2 0 8M"],
      ["-a", first, "restore", "read -P 1 0 8M"],
      ["-a", second, "restore", "read -P 2 0 8M"],
      ["-d", second, "drop", "read -P 2 0 8M"],
    ] as const;
    for (let round = 0; round < 3; round++)
      for (const [flag, name, act, reads] of acts) {
        const tool = spawn("qemu-img", ["snapshot", flag, name, ...at.args], { stdio: ["ignore", log, log] });
        const ended = once(tool, "close");
        // Killed wherever it happens to be by then, seldom twice at the same place.
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5 + 12 * round))]);
        tool.kill("SIGKILL");
        await ended;
        await driver.mend(image);
        await driver.snapshot(image, act, name);
        at.io(reads);
        assert.match(at.check(), /No errors were found/);
      }
  });

  it("stays whole on a disk that is full, and goes on once there is room", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "svs-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], { stdio: "pipe" });
    } catch {
      await rm(folder, { recursive: true });
      return context.skip("no tmpfs can be mounted here");
    }
    try {
      const at = await Place.open(folder);
      const { driver, image } = at;
      const fill = join(folder, "fill");
      at.io("write -P 1 0 4M");
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(fill, Buffer.alloc(bavail * bsize));
      await assert.rejects(driver.snapshot(image, "take", first), DiskFullError);
      at.io("read -P 1 0 4M");
      unlinkSync(fill);
      await driver.mend(image);
      await driver.snapshot(image, "take", first);
      at.io("write -P 2 0 4M");
      await driver.snapshot(image, "restore", first);
      at.io("read -P 1 0 4M");
    } finally {
      execFileSync("umount", [folder]);
      await rm(folder, { recursive: true });
    }
  });
});
