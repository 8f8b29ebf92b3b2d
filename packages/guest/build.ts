/**
 * Builds what every app's VM boots: Debian's cloud kernel as a plain ELF and an initramfs with our init.
 * `node build.ts FOLDER` leaves vmlinux, initramfs.cpio and manifest.json there; done already means nothing to do.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { findCompressed } from "./src/kernel-image.ts";

const modules = [
  ...["virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "squashfs", "overlay"],
];
const outputMax = 512 * 1024 * 1024;

const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node build.ts FOLDER");
  process.exit(2);
}
build(resolve(folder));

function build(out: string): void {
  mkdirSync(out, { recursive: true });
  const sources = readdirSync(join(import.meta.dirname, "src")).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash("sha256").update(readFileSync(import.meta.filename));
  for (const name of sources.sort()) hash.update(readFileSync(join(import.meta.dirname, "src", name)));
  const version = hash.digest("hex");
  if (isBuilt(out, version)) return;
  const work = mkdtempSync(join(out, ".build-"));
  try {
    const kernel = unpackKernel(work);
    writeFileSync(join(work, "vmlinux"), kernel.image);
    buildInitramfs(work, kernel.modules, sources);
    for (const name of ["vmlinux", "initramfs.cpio"]) renameSync(join(work, name), join(out, name));
    writeFileSync(join(out, "manifest.json"), `${JSON.stringify({ version, kernel: kernel.release })}\n`);
    console.error(`guest: kernel ${kernel.release} and init are in ${out}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function isBuilt(out: string, version: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
    return (manifest as { version?: unknown }).version === version;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[], cwd: string, input?: Uint8Array): Buffer {
  const stdio: ["pipe", "pipe", "inherit"] = ["pipe", "pipe", "inherit"];
  return execFileSync(command, args, { cwd, maxBuffer: outputMax, stdio, ...(input ? { input } : {}) });
}

function unpackKernel(work: string): { image: Uint8Array; modules: string[]; release: string } {
  console.error("guest: fetching Debian's cloud kernel");
  const name = downloadKernel(work);
  const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get download ${name} left no package`);
  run("dpkg-deb", ["-x", archive, "kernel"], work);
  const root = join(work, "kernel");
  const [release] = readdirSync(join(root, "lib/modules"));
  if (release === undefined) throw new Error(`${name} has no modules`);
  const paths = orderModules(join(root, "lib/modules", release));
  const packed = readFileSync(join(root, "boot", `vmlinuz-${release}`));
  return { image: unpackImage(packed, work), modules: paths, release };
}

/** A fresh machine has no package lists, one that was left alone has old ones: then they are fetched first. */
function downloadKernel(work: string): string {
  const attempt = (): string => {
    const depends = run("apt-cache", ["depends", "linux-image-cloud-amd64"], work).toString();
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new Error("apt knows no linux-image-cloud-amd64");
    // apt would drop to a user who cannot write here.
    run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", name], work);
    return name;
  };
  try {
    return attempt();
  } catch {
    console.error("guest: apt's package lists are missing or old; running apt-get update");
    try {
      run("apt-get", ["-q", "update"], work);
    } catch (cause) {
      throw new Error("apt-get update failed: run it as root, with a network, then try again", { cause });
    }
    return attempt();
  }
}

/** Each module after those it names in its own `depends=`; kmod may not be installed. */
function orderModules(root: string): string[] {
  const byName = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const name = /([^/]+)\.ko$/.exec(entry)?.[1];
    if (name !== undefined) byName.set(name.replaceAll("-", "_"), join(root, entry));
  }
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    const path = byName.get(name.replaceAll("-", "_"));
    if (path === undefined || ordered.has(path)) return;
    const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1"))?.[1] ?? "";
    for (const other of depends.split(",").filter((word) => word !== "")) visit(other);
    ordered.add(path);
  };
  for (const module of modules) visit(module);
  return [...ordered];
}

function unpackImage(packed: Buffer, work: string): Uint8Array {
  for (const { command, args, offset } of findCompressed(packed)) {
    try {
      const image = execFileSync(command, args, {
        cwd: work,
        input: packed.subarray(offset),
        maxBuffer: outputMax,
        stdio: ["pipe", "pipe", "ignore"],
      });
      if (image.subarray(1, 4).toString("latin1") === "ELF") return image;
    } catch (error) {
      // What follows the payload makes some decompressors fail after they have written everything.
      const image = (error as { stdout?: Buffer }).stdout;
      if (image !== undefined && image.subarray(1, 4).toString("latin1") === "ELF") return image;
    }
  }
  throw new Error("the kernel is packed in a way this build does not know (lz4, zstd and xz were tried)");
}

function buildInitramfs(work: string, paths: readonly string[], sources: readonly string[]): void {
  console.error("guest: building init");
  const root = join(work, "root");
  for (const name of ["m", "dev", "proc", "sys", "etc"]) mkdirSync(join(root, name), { recursive: true });
  const files = sources.filter((name) => name.endsWith(".c"));
  const flags = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", join(root, "init")];
  run("gcc", [...flags, ...files], join(import.meta.dirname, "src"));
  const names = paths.map((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    cpSync(path, join(root, "m", name));
    return `/m/${name}`;
  });
  writeFileSync(join(root, "m", "modules.list"), `${names.join("\n")}\n`);
  const script = "find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet > ../initramfs.cpio";
  run("sh", ["-c", script], root);
}
