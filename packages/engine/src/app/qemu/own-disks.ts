import { access, copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AppId } from "../../desired.ts";
import { DiskFullError } from "../../host/disk.ts";
import { runTool } from "../../host/qemu/image-tools.ts";
import { createSealed, createSealedFrom, fillSealed } from "../../host/qemu/sealed-image.ts";

/** The variables that a machine with UEFI begins with. */
const uefiVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/** Volumes with a limit of their own are projects of the file system's quota. */
const features = "lazy_itable_init=1,lazy_journal_init=1,nodiscard,quotatype=prjquota";
const ext4: readonly string[] = ["-t", "ext4", "-I", "256", "-O", "quota,project", "-m", "0", "-E", features];

/** A disk as a machine is given it. */
export interface OwnDisk {
  readonly path: string;
  /** Undefined: it lies there in clear. */
  readonly secret: string | undefined;
}

/** Whose disk, and what seals it; undefined: it lies there in clear. */
export interface DiskOwner {
  readonly id: AppId;
  readonly secret: string | undefined;
}

/**
 * What a machine keeps besides its volumes, through reboots of the box: a scratch disk and UEFI's variables.
 * What an engine before this one left in clear is sealed before the machine starts with it.
 */
export class OwnDisks {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Sparse, so it costs what is written. */
  scratch(owner: DiskOwner, bytes: number): Promise<OwnDisk> {
    return this.#ready(owner, "img", bytes, async (plain) => {
      await using file = await open(plain, "wx", 0o600);
      await file.truncate(bytes);
      await runTool("mke2fs", ["-q", "-F", ...ext4, plain]);
      await file.sync();
    });
  }

  async variables(owner: DiskOwner): Promise<OwnDisk> {
    const { size } = await stat(uefiVariables);
    return await this.#ready(owner, "vars", size, (plain) => copyFile(uefiVariables, plain));
  }

  async remove(id: AppId): Promise<void> {
    for (const what of ["img", "vars"] as const)
      for (const path of [this.#plain(id, what), this.#sealed(id, what)]) await rm(path, { force: true });
  }

  /** Made under another name: half a file system must not be taken for one. */
  async #ready(
    { id, secret }: DiskOwner,
    what: "img" | "vars",
    bytes: number,
    make: (plain: string) => Promise<void>,
  ): Promise<OwnDisk> {
    const plain = this.#plain(id, what);
    const path = secret === undefined ? plain : this.#sealed(id, what);
    if (await exists(path)) return { path, secret };
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const fresh = `${path}.new`;
    await rm(fresh, { force: true });
    if (secret === undefined) await make(fresh);
    else if (!(await exists(plain))) await createSealedFrom(fresh, bytes, secret, make);
    else if (!(await sealCopy(plain, fresh, secret))) return { path: plain, secret: undefined };
    {
      await using file = await open(fresh, "r");
      await file.sync();
    }
    await rename(fresh, path);
    if (secret !== undefined) await rm(plain, { force: true });
    return { path, secret };
  }

  #plain(id: string, what: string): string {
    return join(this.#folder, `${id}.${what}`);
  }

  #sealed(id: string, what: string): string {
    return join(this.#folder, `${id}.${what}.qcow2`);
  }
}

/** False when there is no room for it: the app goes on with what it has. */
async function sealCopy(plain: string, target: string, secret: string): Promise<boolean> {
  try {
    await createSealed(target, (await stat(plain)).size, secret);
    await fillSealed(plain, "raw", target, secret);
    return true;
  } catch (error) {
    await rm(target, { force: true });
    if (error instanceof DiskFullError) return false;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
