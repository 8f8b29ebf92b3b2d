/**
 * Builds what every app's VM boots: Debian's cloud kernel as a plain ELF and an initramfs with our init.
 * `node build.ts FOLDER` leaves vmlinux, initramfs.cpio and manifest.json there; done already means nothing to do.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { findCompressed } from "./src/kernel-image.ts";
import { orderModules } from "./src/kernel-modules.ts";

const modules = [
  ...["virtio_mmio", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "squashfs", "overlay"],
  // The form in which ext4 keeps quotas.
  "quota_v2",
  // A volume may be an ISO.
  "isofs",
];

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(name, () => stop.abort(new Error(`stopped by ${name}`)));
}
const folder = process.argv[2];
if (folder === undefined) {
  console.error("usage: node build.ts FOLDER");
  process.exit(2);
}
try {
  await build(resolve(folder));
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
}

async function build(out: string): Promise<void> {
  mkdirSync(out, { recursive: true });
  const sources = readdirSync(join(import.meta.dirname, "src")).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash("sha256").update(readFileSync(import.meta.filename));
  for (const name of sources.sort()) hash.update(readFileSync(join(import.meta.dirname, "src", name)));
  const version = hash.digest("hex");
  if (isBuilt(out, version)) return;
  sweep(out);
  const work = mkdtempSync(join(out, `.build-${process.pid}-`));
  try {
    const kernel = await unpackKernel(work);
    writeFileSync(join(work, "vmlinux"), kernel.image);
    await buildInitramfs(work, kernel.modules, sources);
    for (const name of ["vmlinux", "initramfs.cpio"]) renameSync(join(work, name), join(out, name));
    writeFileSync(join(out, "manifest.json"), `${JSON.stringify({ version, kernel: kernel.release })}\n`);
    console.error(`guest: kernel ${kernel.release} and init are in ${out}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What a killed build left: its process is gone. */
function sweep(out: string): void {
  for (const name of readdirSync(out)) {
    const pid = /^\.build-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(out, name), { recursive: true });
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

interface Call {
  readonly cwd: string;
  readonly input?: Uint8Array;
  /** It may fail or not be there: what it complains of is not worth showing. */
  readonly quiet?: boolean;
}

interface Ran {
  readonly code: number | null;
  readonly output: Buffer;
}

/** Its temporary files go to the work folder, which is removed whatever happens. */
async function tryRun(command: string, args: readonly string[], call: Call): Promise<Ran> {
  const { cwd, input, quiet = false } = call;
  stop.signal.throwIfAborted();
  const child = spawn(command, args, {
    cwd,
    stdio: ["pipe", "pipe", quiet ? "ignore" : "inherit"],
    env: { ...process.env, TMPDIR: cwd },
    signal: stop.signal,
  });
  // A program that has read enough closes its input; its exit code tells whether that was well.
  child.stdin.on("error", () => undefined).end(input);
  let failure: Error | undefined;
  child.once("error", (error) => {
    failure = error;
  });
  // Closed, not only ended: what it started may still write to the folder that is removed next.
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [output, code] = await Promise.all([buffer(child.stdout), closed]);
  if (failure !== undefined && !(quiet && isMissing(failure))) throw failure;
  return { code, output };
}

function isMissing(error: Error): boolean {
  return "code" in error && error.code === "ENOENT";
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Buffer> {
  const { code, output } = await tryRun(command, args, { cwd });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed (${code})`);
  return output;
}

async function unpackKernel(
  work: string,
): Promise<{ image: Uint8Array; modules: string[]; release: string }> {
  console.error("guest: fetching Debian's cloud kernel");
  const name = await downloadKernel(work);
  const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get download ${name} left no package`);
  await run("dpkg-deb", ["-x", archive, "kernel"], work);
  const root = join(work, "kernel");
  const [release] = readdirSync(join(root, "lib/modules"));
  if (release === undefined) throw new Error(`${name} has no modules`);
  const paths = orderModules(join(root, "lib/modules", release), modules);
  const packed = readFileSync(join(root, "boot", `vmlinuz-${release}`));
  return { image: await unpackImage(packed, work), modules: paths, release };
}

/** A fresh machine has no package lists, one that was left alone has old ones: then they are fetched first. */
async function downloadKernel(work: string): Promise<string> {
  const attempt = async (): Promise<string> => {
    const depends = (await run("apt-cache", ["depends", "linux-image-cloud-amd64"], work)).toString();
    const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new Error("apt knows no linux-image-cloud-amd64");
    // apt would drop to a user who cannot write here.
    await run("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", name], work);
    return name;
  };
  try {
    return await attempt();
  } catch {
    stop.signal.throwIfAborted();
    console.error("guest: apt's package lists are missing or old; running apt-get update");
    try {
      await run("apt-get", ["-q", "update"], work);
    } catch (cause) {
      stop.signal.throwIfAborted();
      throw new Error("apt-get update failed: run it as root, with a network, then try again", { cause });
    }
    return await attempt();
  }
}

async function unpackImage(packed: Buffer, work: string): Promise<Uint8Array> {
  for (const { command, args, offset } of findCompressed(packed)) {
    // What follows the payload makes some decompressors fail after they have written everything.
    const { output } = await tryRun(command, args, {
      cwd: work,
      input: packed.subarray(offset),
      quiet: true,
    });
    if (output.subarray(1, 4).toString("latin1") === "ELF") return output;
  }
  throw new Error("the kernel is packed in a way this build does not know (lz4, zstd and xz were tried)");
}

async function buildInitramfs(
  work: string,
  paths: readonly string[],
  sources: readonly string[],
): Promise<void> {
  console.error("guest: building init");
  const root = join(work, "root");
  for (const name of ["m", "dev", "proc", "sys", "etc"]) mkdirSync(join(root, name), { recursive: true });
  const files = sources.filter((name) => name.endsWith(".c"));
  const flags = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", join(root, "init")];
  await run("gcc", [...flags, ...files], join(import.meta.dirname, "src"));
  const names = paths.map((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    cpSync(path, join(root, "m", name));
    return `/m/${name}`;
  });
  writeFileSync(join(root, "m", "modules.list"), `${names.join("\n")}\n`);
  const script = "find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet > ../initramfs.cpio";
  await run("sh", ["-c", script], root);
}
