/** Everything on a machine that a local system could leave behind, to compare before and after. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { run } from "../../packages/harness/src/real/local-system.ts";

export interface HostTraces {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
  readonly controlGroups: readonly string[];
}

/** Programs that a system starts, directly or through a node. */
const programs = /qemu-system|swtpm|dnsmasq|conntrack|packages\/(controller|engine|cli)\/src\/main\.ts/;

export async function hostTraces(): Promise<HostTraces> {
  const [namespaces, links, tables, mounts] = await Promise.all([
    run("ip", ["netns", "list"]),
    run("ip", ["-o", "link"]),
    run("nft", ["list", "tables"]),
    readFile("/proc/self/mounts", "utf8"),
  ]);
  return {
    namespaces: lines(namespaces.stdout),
    links: lines(links.stdout).map((line) => line.split(/[:@]/)[1]?.trim() ?? ""),
    tables: lines(tables.stdout),
    mounts: lines(mounts).map((line) => line.split(" ").slice(0, 3).join(" ")),
    processes: await processes(),
    controlGroups: await controlGroups(),
  };
}

async function processes(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async (pid) =>
      (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " "),
    ),
  );
  return all.filter((line) => programs.test(line)).sort();
}

async function controlGroups(): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  if (!existsSync(root)) return [];
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isDirectory() && /selvedge/i.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort();
}

function lines(text: string): string[] {
  return text.split("\n").filter(Boolean).sort();
}

/** What is there now, was not before, and carries one of the names. */
export function leftOver(
  before: HostTraces,
  now: HostTraces,
  names: readonly string[],
): Record<string, readonly string[]> {
  const fields = ["namespaces", "links", "tables", "mounts", "processes", "controlGroups"] as const;
  const left = fields.flatMap((field) => {
    const more = now[field].filter(
      (line) => !before[field].includes(line) && names.some((name) => line.includes(name)),
    );
    return more.length === 0 ? [] : [[field, more] as const];
  });
  return Object.fromEntries(left);
}
