/** An image built by the real programs, and a box made of it: what lies where, what boots, what it goes back to. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { rootCertificates } from "node:tls";
import { readTable } from "../src/build/disk-file.ts";
import { bootEntry, kernelOptions } from "../src/plan/boot-plan.ts";
import {
  configLabel,
  espLabel,
  type Partition,
  partitionOf,
  sectorBytes,
  slotLabel,
  stateLabel,
} from "../src/plan/disk-plan.ts";
import { BoxProcess, os } from "./box-process.ts";

const programs = ["mmdebstrap", "mksquashfs", "sfdisk", "mkfs.vfat", "mcopy", "qemu-system-x86_64", "swtpm"];
const missing = programs.find((name) => !["/usr/bin", "/usr/sbin"].some((at) => existsSync(join(at, name))));
const skip =
  process.getuid?.() !== 0
    ? "building an image needs root"
    : missing !== undefined && `${missing} is not installed`;
/** Emulated, beside other work. */
const patience = 1_200_000;

describe("an image", { skip, timeout: patience }, () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-image-"));
  const image = join(folder, "box.img");
  const given = join(folder, "given");
  let table: readonly Partition[] = [];
  const call = { signal: new AbortController().signal };
  const at = (label: string, disk = image): string =>
    `${disk}@@${partitionOf({ partitions: table }, label).firstSector * sectorBytes}`;
  const list = (label: string, disk = image): string[] =>
    execFileSync("mdir", ["-b", "-/", "-i", at(label, disk), "::/"], { encoding: "utf8" })
      .split("\n")
      .filter((path) => path !== "" && !path.endsWith("/"));

  before(async () => {
    await os("build", "--profile", join(import.meta.dirname, "../profiles/minimal.yaml"), "--out", image);
    table = await readTable(image, call);
    // Nobody answers there: what is tried is the box, not a controller.
    mkdirSync(given);
    writeFileSync(join(given, "server"), "10.0.2.2:9\n");
    writeFileSync(join(given, "root-certificate.pem"), rootCertificates[0] ?? "");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has a boot loader with one entry, which has nothing to prove", () => {
    const files = list(espLabel);
    assert.ok(files.includes("::/EFI/BOOT/BOOTX64.EFI"), files.join());
    assert.deepEqual(
      files.filter((path) => path.endsWith(".conf")).sort(),
      ["::/loader/entries/selvedge-a.conf", "::/loader/loader.conf"].sort(),
    );
  });

  it("has a root that nobody logs in to, and which knows nobody", () => {
    const { firstSector } = partitionOf({ partitions: table }, slotLabel("a"));
    const args = ["-o", `${firstSector * sectorBytes}`, "-ll", image];
    const lines = execFileSync("unsquashfs", args, { encoding: "utf8", maxBuffer: 2 ** 26 }).split("\n");
    const has = (path: RegExp): string[] => lines.filter((line) => path.test(line));
    assert.deepEqual(has(/\/(sshd|dropbear|agetty\.service)$/), []);
    assert.equal(has(/\/getty@\.service -> \/dev\/null$/).length, 1);
    assert.match(has(/squashfs-root\/etc\/machine-id$/)[0] ?? "", /^-\S+ root\/root +0 /);
    assert.equal(has(/\/packages\/(controller|cli)\//).length, 0);
    assert.equal(has(/\.test\.ts$/).length, 0);
  });

  it("takes what the fitter gives it, afterwards as well, and refuses what no box can enrol from", async () => {
    await os("config", image, given);
    assert.deepEqual(list(configLabel).sort(), ["::/root-certificate.pem", "::/server"]);
    const empty = join(folder, "empty");
    mkdirSync(empty);
    await assert.rejects(os("config", image, empty), /server is missing; write the controller's host:port/);
  });

  it("goes back to the system that works when a newer one does not", async () => {
    // Of a version that has nothing in its slot: its only try ends in the initramfs.
    const options = kernelOptions("b", { consoles: ["ttyS0"], kernelArguments: ["panic=1"] });
    const { path, text } = bootEntry({ slot: "b", version: "9.0.0", options }, 1);
    writeFileSync(join(folder, "entry"), text.replaceAll("/selvedge/b/", "/selvedge/a/"));
    execFileSync("mcopy", ["-i", at(espLabel), join(folder, "entry"), `::/${path}`]);

    const box = join(folder, "box");
    const args = ["--memory", "1024", "--cpus", "1", "--disk", "1024", "--accel", "tcg"];
    await using running = new BoxProcess(["run", image, "--box", box, ...args]);
    const failed = await running.hears(/Rebooting automatically due to panic= boot argument/);
    const enrolling = await running.hears(/"message":"identity lies in the TPM/, failed);
    // It has an address by then; what it was given leads to nobody, and it says so.
    await running.hears(/ECONNREFUSED 10\.0\.2\.2:9/, enrolling);
    running.press();
    assert.equal(await running.ended, 130);

    const disk = join(box, "disk.raw");
    const entries = list(espLabel, disk).filter((it) => it.startsWith("::/loader/entries/"));
    assert.deepEqual(
      entries.sort(),
      ["selvedge-a.conf", "selvedge-b+0-1.conf"].map((it) => `::/loader/entries/${it}`),
    );
    const labels = (await readTable(disk, call)).map(({ label }) => label);
    assert.deepEqual(labels.slice(-1), [stateLabel]);
  });
});
