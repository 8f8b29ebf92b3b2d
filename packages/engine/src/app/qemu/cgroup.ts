import { access, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface MachineLimits {
  readonly memoryBytes: number;
  /** Of one processor, in thousandths. */
  readonly cpuMillis: number;
  readonly processes: number;
}

export type CgroupKind = "v1" | "v2" | "none";

const root = "/sys/fs/cgroup";
const controllers = ["memory", "cpu", "pids"] as const;
const cpuPeriod = 100_000;

/** Limits of machines, in whichever generation of cgroups the box has: one group a machine, below one of ours. */
export class Cgroups {
  readonly #kind: CgroupKind;
  readonly #parent: string;

  private constructor(kind: CgroupKind, parent: string) {
    this.#kind = kind;
    this.#parent = parent;
  }

  /** `parent` is our folder below the root of the hierarchies. */
  static async detect(parent: string): Promise<Cgroups> {
    return new Cgroups(await detectKind(parent), parent);
  }

  get kind(): CgroupKind {
    return this.#kind;
  }

  /** Puts a process, with all its threads, under limits. */
  async enter(name: string, pid: number, limits: MachineLimits): Promise<void> {
    if (this.#kind === "none") return;
    for (const folder of this.#folders(name)) await mkdir(folder, { recursive: true });
    for (const [path, value] of this.#settings(name, limits)) await writeFile(path, value);
    for (const folder of this.#folders(name)) await writeFile(join(folder, "cgroup.procs"), `${pid}`);
  }

  /** Nothing happens when it is not there or not empty. */
  async leave(name: string): Promise<void> {
    for (const folder of this.#folders(name)) {
      await rmdir(folder).catch(() => {});
      await rmdir(dirname(folder)).catch(() => {});
    }
  }

  #folders(name: string): string[] {
    if (this.#kind === "v2") return [join(root, this.#parent, name)];
    if (this.#kind === "v1") return controllers.map((it) => join(root, it, this.#parent, name));
    return [];
  }

  #settings(name: string, limits: MachineLimits): [string, string][] {
    const quota = `${Math.round((limits.cpuMillis * cpuPeriod) / 1000)}`;
    if (this.#kind === "v2") {
      const folder = join(root, this.#parent, name);
      return [
        [join(folder, "memory.max"), `${limits.memoryBytes}`],
        [join(folder, "cpu.max"), `${quota} ${cpuPeriod}`],
        [join(folder, "pids.max"), `${limits.processes}`],
      ];
    }
    const folder = (controller: string): string => join(root, controller, this.#parent, name);
    return [
      [join(folder("memory"), "memory.limit_in_bytes"), `${limits.memoryBytes}`],
      [join(folder("cpu"), "cpu.cfs_period_us"), `${cpuPeriod}`],
      [join(folder("cpu"), "cpu.cfs_quota_us"), quota],
      [join(folder("pids"), "pids.max"), `${limits.processes}`],
    ];
  }
}

/** Whatever keeps us from making groups (no rights, a read-only mount) is the same as having none. */
async function detectKind(parent: string): Promise<CgroupKind> {
  try {
    const offered = await readFile(join(root, "cgroup.controllers"), "utf8").catch(() => undefined);
    if (offered !== undefined) {
      const wanted = controllers.map((it) => `+${it}`).join(" ");
      await writeFile(join(root, "cgroup.subtree_control"), wanted);
      await mkdir(join(root, parent), { recursive: true });
      await writeFile(join(root, parent, "cgroup.subtree_control"), wanted);
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
