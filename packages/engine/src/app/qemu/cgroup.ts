import { execFile } from "node:child_process";
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export interface MachineLimits {
  readonly memoryBytes: number;
  /** Of one processor, in thousandths. */
  readonly cpuMillis: number;
  readonly processes: number;
}

export type CgroupKind = "v1" | "v2" | "none";

const controllers = ["memory", "cpu", "pids"] as const;
const cpuPeriod = 100_000;

/**
 * Limits of machines, in whichever generation of cgroups the box has: one group a machine, below one of
 * ours.
 */
export class Cgroups {
  readonly kind: CgroupKind;
  readonly #root: string;
  readonly #parent: string;
  /** What is under way: our folder is made with the first machine's group and goes with the last one's. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(kind: CgroupKind, root: string, parent: string) {
    this.kind = kind;
    this.#root = root;
    this.#parent = parent;
  }

  /**
   * `parent` is our folder below the root of the hierarchies. Where /sys was mounted anew, as `ip netns
   * exec` does, they are not to be seen: then they are mounted in `folder`, in the mount namespace this
   * process is in.
   */
  static async detect(parent: string, folder: string): Promise<Cgroups> {
    for (const root of ["/sys/fs/cgroup", folder]) {
      const kind = await tryKind(root, parent);
      if (kind !== "none") return await new Cgroups(kind, root, parent).#sweep();
    }
    await mountHierarchies(folder);
    return await new Cgroups(await tryKind(folder, parent), folder, parent).#sweep();
  }

  /** Makes the groups of a machine; what joins them, with all its threads, is under these limits. */
  make(name: string, limits: MachineLimits): Promise<string[]> {
    return this.#inTurn(async () => {
      if (this.kind === "v2") await handControllersDown(this.#root, this.#parent);
      for (const folder of this.#folders(name)) await mkdir(folder, { recursive: true });
      for (const [path, value] of this.#settings(name, limits)) await writeFile(path, value);
      return this.#folders(name);
    });
  }

  /** Nothing happens when it is not there or not empty. */
  leave(name: string): Promise<void> {
    return this.#inTurn(async () => {
      for (const folder of this.#folders(name)) {
        await rmdir(folder).catch(() => {});
        await rmdir(dirname(folder)).catch(() => {});
      }
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Groups of machines that ended while nobody looked; the kernel keeps those that are in use. */
  async #sweep(): Promise<this> {
    for (const parent of this.#parents())
      for (const name of await readdir(parent).catch((): string[] => []))
        await rmdir(join(parent, name)).catch(() => {});
    return this;
  }

  #parents(): string[] {
    if (this.kind === "v2") return [join(this.#root, this.#parent)];
    if (this.kind === "v1") return controllers.map((it) => join(this.#root, it, this.#parent));
    return [];
  }

  #folders(name: string): string[] {
    return this.#parents().map((parent) => join(parent, name));
  }

  #settings(name: string, limits: MachineLimits): [string, string][] {
    const quota = `${Math.round((limits.cpuMillis * cpuPeriod) / 1000)}`;
    if (this.kind === "v2") {
      const folder = join(this.#root, this.#parent, name);
      return [
        [join(folder, "memory.max"), `${limits.memoryBytes}`],
        [join(folder, "cpu.max"), `${quota} ${cpuPeriod}`],
        [join(folder, "pids.max"), `${limits.processes}`],
      ];
    }
    const folder = (controller: string): string => join(this.#root, controller, this.#parent, name);
    return [
      [join(folder("memory"), "memory.limit_in_bytes"), `${limits.memoryBytes}`],
      [join(folder("cpu"), "cpu.cfs_period_us"), `${cpuPeriod}`],
      [join(folder("cpu"), "cpu.cfs_quota_us"), quota],
      [join(folder("pids"), "pids.max"), `${limits.processes}`],
    ];
  }
}

/** Whatever keeps us from making groups (no rights, a read-only mount) is the same as having none. */
async function tryKind(root: string, parent: string): Promise<CgroupKind> {
  try {
    const offered = await readFile(join(root, "cgroup.controllers"), "utf8").catch(() => "");
    if (controllers.every((it) => offered.split(/\s+/).includes(it))) {
      await handControllersDown(root, parent);
      return "v2";
    }
    for (const controller of controllers) {
      await access(join(root, controller, "cgroup.procs"));
      await mkdir(join(root, controller, parent), { recursive: true });
    }
    return "v1";
  } catch {
    return "none";
  }
}

/** A group has the controllers that the one above hands down, and a new one hands none down by itself. */
async function handControllersDown(root: string, parent: string): Promise<void> {
  const wanted = controllers.map((it) => `+${it}`).join(" ");
  await writeFile(join(root, "cgroup.subtree_control"), wanted);
  await mkdir(join(root, parent), { recursive: true });
  await writeFile(join(root, parent, "cgroup.subtree_control"), wanted);
}

/**
 * The second generation where it has the controllers, the first otherwise. What cannot be mounted is not
 * there.
 */
async function mountHierarchies(folder: string): Promise<void> {
  const mount = async (at: string, ...args: string[]): Promise<void> => {
    await mkdir(at, { recursive: true });
    await promisify(execFile)("mount", [...args, "none", at]);
  };
  try {
    const kinds = await readFile("/proc/cgroups", "utf8");
    // A controller that a hierarchy of the first generation holds has a number there.
    if (/^memory\s+0\s/m.test(kinds)) return await mount(folder, "-t", "cgroup2");
    for (const controller of controllers)
      await mount(join(folder, controller), "-t", "cgroup", "-o", controller);
  } catch {
    return;
  }
}
