/** The tree of a slot: Debian's packages by mmdebstrap, our files and our software laid over them. */
import { chmod, cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isLibrary, isSoftware, planSoftware } from "../plan/software-plan.ts";
import type { SystemFile } from "../plan/system-file.ts";
import { earlyFiles, leftOut, packagesOf, systemFiles } from "../plan/system-plan.ts";
import { software } from "../plan/unit-files.ts";
import type { Profile } from "../profile.ts";
import { type Call, ProgramError, run } from "./programs.ts";

export interface TreeParts {
  readonly profile: Profile;
  readonly version: string;
  /** Of our sources, with node_modules in it. */
  readonly checkout: string;
  /** The Node that runs this: the box gets the same. */
  readonly node: string;
  /** Where the kernel and initramfs of apps' machines are; undefined: the box runs none. */
  readonly guest: string | undefined;
}

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Fills `root`, which must not be there. `early` is a folder for what mmdebstrap is given before packages. */
export async function fillDebian(root: string, early: string, profile: Profile, call: Call): Promise<void> {
  await writeFiles(early, earlyFiles);
  const { suite, mirror, securityMirror, components } = profile;
  const source = (at: string, name: string): string =>
    `deb [signed-by=${keyring}] ${at} ${name} ${components.join(" ")}`;
  await run(
    "mmdebstrap",
    [
      ...["--mode=root", "--variant=essential", "--format=directory", "--architectures=amd64"],
      // What is unpacked here is packed next: nobody waits for a disk to have it.
      "--dpkgopt=force-unsafe-io",
      ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
      `--include=${packagesOf(profile).join(",")}`,
      `--essential-hook=cp -a ${shellWord(early)}/. "$1"/`,
      ...[suite, root, source(mirror, suite), source(mirror, `${suite}-updates`)],
      ...(securityMirror === "" ? [] : [source(securityMirror, `${suite}-security`)]),
    ],
    call,
  );
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What the kernel's package put beside the tree, where the boot loader is to have it. */
export interface BootParts {
  readonly kernel: string;
  readonly initramfs: string;
  readonly loader: string;
}

/** Moves kernel, initramfs and boot loader to `boot`; the box does not look for them in its root. */
export async function takeBootParts(root: string, boot: string): Promise<BootParts> {
  await mkdir(boot, { recursive: true });
  const names = await readdir(join(root, "boot"));
  const take = async (start: string): Promise<string> => {
    const found = names.filter((name) => name.startsWith(start));
    const [name] = found;
    if (name === undefined || found.length > 1)
      throw new ProgramError(`the packages left ${found.length} files ${start}* in /boot; one is needed`);
    await rename(join(root, "boot", name), join(boot, start));
    return join(boot, start);
  };
  const parts = { kernel: await take("vmlinuz"), initramfs: await take("initrd.img") };
  const loader = join(boot, "systemd-bootx64.efi");
  await cp(join(root, "usr/lib/systemd/boot/efi/systemd-bootx64.efi"), loader);
  for (const name of ["boot", "vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old"])
    await rm(join(root, name), { recursive: true, force: true });
  return { ...parts, loader };
}

/** Where other file systems go, and folders that packages count on. */
const mountPoints: readonly string[] = ["boot", "config", "efi", "state", "var", "tmp"];

export async function layOver(root: string, parts: TreeParts, call: Call): Promise<void> {
  const { profile, version, checkout, node, guest } = parts;
  const folder = join(root, software.folder);
  const admin = ["--admindir", join(root, "var/lib/dpkg"), "--show", "--showformat"];
  const packages = await run("dpkg-query", [...admin, "$" + "{Package} $" + "{Version}\\n"], call);
  for (const name of mountPoints) {
    await rm(join(root, name), { recursive: true, force: true });
    await mkdir(join(root, name));
  }
  const osRelease = await readFile(join(root, "usr/lib/os-release"), "utf8");
  await writeFiles(root, systemFiles(profile, { version, osRelease }));
  await rm(join(root, "etc/systemd/system/getty.target.wants"), { recursive: true, force: true });
  await copySoftware(checkout, folder);
  await mkdir(join(root, dirname(software.node)), { recursive: true });
  await cp(node, join(root, software.node));
  if (guest !== undefined)
    for (const name of ["vmlinux", "initramfs.cpio"])
      await cp(join(guest, name), join(root, software.guest, name));
  await writeFile(join(folder, "packages.txt"), packages);
}

async function copySoftware(checkout: string, folder: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(checkout, "package-lock.json"), "utf8"));
  const plan = planSoftware(lock.packages, "packages/engine");
  const copy = async (path: string, wanted: (inside: string) => boolean): Promise<void> => {
    const from = join(checkout, path);
    const filter = (source: string): boolean => {
      const inside = relative(from, source);
      // A library of a library is a row of the plan by itself.
      return inside === "" || (wanted(inside) && inside !== "node_modules");
    };
    await cp(from, join(folder, path), { recursive: true, filter });
  };
  for (const path of plan.packages) await copy(path, isSoftware);
  for (const path of plan.libraries) await copy(path, isLibrary);
  for (const { path, target } of plan.links) {
    const place = join(folder, path);
    await mkdir(dirname(place), { recursive: true });
    await symlink(relative(dirname(path), target), place);
  }
}

async function writeFiles(root: string, files: readonly SystemFile[]): Promise<void> {
  for (const { path, content } of files) {
    const place = join(root, path);
    await mkdir(dirname(place), { recursive: true });
    // What a package made there may lead out of the tree.
    await rm(place, { force: true });
    if ("link" in content) await symlink(content.link, place);
    else {
      await writeFile(place, content.text);
      await chmod(place, 0o644);
    }
  }
}
