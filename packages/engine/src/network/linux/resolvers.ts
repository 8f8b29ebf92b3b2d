import { mkdir, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { NetworkDriverError, type ResolverItem } from "../network-driver.ts";
import { ignoreMissing, readText, run } from "./run.ts";

/** A killed process is gone at once, unless the box is very busy. */
const quitMs = 5000;
const pollMs = 5;

/** One dnsmasq a bridge, found by what runs and not by what was noted: the folder may be lost while it lives. */
export async function applyResolvers(
  prefix: string,
  folder: string,
  wanted: readonly ResolverItem[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const running = await findResolvers(prefix);
  const fileOf = (bridge: string, kind: "conf" | "pid" | "queries"): string =>
    join(folder, `${bridge}.${kind}`);
  for (const { bridge, config: lines, notes } of wanted) {
    const log = join(folder, `${bridge}.queries`);
    const config = notes ? `${lines}log-queries=extra\nlog-facility=${log}\n` : lines;
    const file = fileOf(bridge, "conf");
    const mine = running.filter((it) => it.bridge === bridge);
    if (mine.length === 1 && mine[0]?.file === file && (await readText(file)) === config) continue;
    for (const { pid } of mine) await stopResolver(pid);
    if (!notes) await rm(log, { force: true });
    await writeFile(file, config);
    await run("dnsmasq", [`--conf-file=${file}`, `--pid-file=${fileOf(bridge, "pid")}`]);
  }
  for (const { bridge, pid } of running) {
    if (wanted.some((item) => item.bridge === bridge)) continue;
    await stopResolver(pid);
    for (const kind of ["conf", "pid", "queries"] as const) await rm(fileOf(bridge, kind), { force: true });
  }
}

/** What runs as each of those that were started; another text once one of them does not. */
export async function lookAtResolvers(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".pid")).sort();
  return await Promise.all(
    names.map(async (name) => {
      const pid = (await readText(join(folder, name)))?.trim();
      return `${name} ${pid} ${await readText(`/proc/${pid}/cmdline`)}`;
    }),
  );
}

interface RunningResolver {
  readonly pid: number;
  readonly bridge: string;
  readonly file: string;
}

/** Every dnsmasq in our network namespace that was started for a bridge of our name, whoever started it. */
async function findResolvers(prefix: string): Promise<RunningResolver[]> {
  const ours = new RegExp(`^dnsmasq\0--conf-file=(.*/(${prefix}b\\d+)\\.conf)\0--pid-file=.*/\\2\\.pid\0$`);
  const here = await readlink("/proc/self/ns/net");
  const found: RunningResolver[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const [, file, bridge] = ours.exec((await readText(`/proc/${pid}/cmdline`)) ?? "") ?? [];
    if (file === undefined || bridge === undefined) continue;
    const there = await readlink(`/proc/${pid}/ns/net`).catch(ignoreMissing);
    if (there === here) found.push({ pid, bridge, file });
  }
  return found;
}

/** It holds nothing that would need a farewell; once it is gone its successor can bind the same address. */
async function stopResolver(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    ignoreMissing(error);
  }
  for (let waitedMs = 0; waitedMs < quitMs; waitedMs += pollMs) {
    // One that has ended and that nobody has asked after holds nothing any more.
    const state = /\) (\S)/.exec((await readText(`/proc/${pid}/stat`)) ?? "")?.[1] ?? "Z";
    if (state === "Z") return;
    await setTimeout(pollMs);
  }
  throw new NetworkDriverError(`dnsmasq ${pid} does not end`);
}
