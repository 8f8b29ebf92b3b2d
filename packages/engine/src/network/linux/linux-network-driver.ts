import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { NetworkDriver, NetworkItems, ResolverItem, TapItem } from "../network-driver.ts";
import { NetworkDriverError } from "../network-driver.ts";
import { tableNames } from "../ruleset.ts";

export interface LinuxNetworkOptions {
  readonly prefix: string;
  /** Where the configurations of our resolvers are kept. */
  readonly folder: string;
}

interface Link {
  readonly ifname: string;
  readonly address?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
}

/** The kernel answers at once; a program that does not is stuck. */
const runMs = 20_000;
/** A killed process is gone at once, unless the box is very busy. */
const quitMs = 5000;
const pollMs = 5;

/** Bridges, taps, nftables and dnsmasq in the network namespace this process runs in. */
export class LinuxNetworkDriver implements NetworkDriver {
  readonly #prefix: string;
  readonly #folder: string;
  #ruleset: string | undefined;

  constructor(options: LinuxNetworkOptions) {
    this.#prefix = options.prefix;
    this.#folder = options.folder;
  }

  async apply(items: NetworkItems, signal: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    // The rules come first: no plug exists for a moment without them.
    if (this.#ruleset !== items.ruleset || !(await this.#hasTables())) {
      await run("nft", ["-f", "-"], items.ruleset);
      this.#ruleset = items.ruleset;
    }
    signal.throwIfAborted();
    const links = new Map((await this.#links()).map((link) => [link.ifname, link]));
    const wanted = new Set([...items.bridges, ...items.taps].map(({ name }) => name));
    for (const name of links.keys()) if (!wanted.has(name)) await run("ip", ["link", "del", "dev", name]);
    for (const { name, mac, address } of items.bridges) {
      if (!links.has(name)) {
        await run("ip", ["link", "add", "name", name, "address", mac, "type", "bridge"]);
        await writeFile(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1").catch(ignoreMissing);
      }
      await this.#address(name, address);
      if (!links.get(name)?.flags?.includes("UP")) await run("ip", ["link", "set", "dev", name, "up"]);
    }
    // As udev's own rules have it: a plug opens for the user it belongs to, and for nobody else, whoever
    // holds this.
    if (items.taps.length > 0) await chmod("/dev/net/tun", 0o666);
    for (const tap of items.taps) await this.#tap(tap, links.get(tap.name));
    await this.#resolvers(items.resolvers);
  }

  /** Takes away everything that carries our names. */
  async down(): Promise<void> {
    await this.#resolvers([]);
    for (const { ifname } of await this.#links()) await run("ip", ["link", "del", "dev", ifname]);
    for (const [family, table] of tableNames(this.#prefix))
      await run("nft", ["-f", "-"], `table ${family} ${table}\ndelete table ${family} ${table}\n`);
    this.#ruleset = undefined;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #links(): Promise<Link[]> {
    const links = JSON.parse((await run("ip", ["-j", "link", "show"])) || "[]") as Link[];
    const ours = new RegExp(`^${this.#prefix}(b\\d+|t\\d+n\\d+)$`);
    return links.filter(({ ifname }) => ours.test(ifname));
  }

  async #hasTables(): Promise<boolean> {
    const { nftables } = JSON.parse(await run("nft", ["-j", "list", "tables"])) as {
      nftables: { table?: { family: string; name: string } }[];
    };
    return tableNames(this.#prefix).every(([family, name]) =>
      nftables.some(({ table }) => table?.family === family && table.name === name),
    );
  }

  async #address(bridge: string, wanted: string): Promise<void> {
    const [shown] = JSON.parse(await run("ip", ["-j", "-4", "addr", "show", "dev", bridge])) as {
      addr_info?: { local: string; prefixlen: number }[];
    }[];
    const present = (shown?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    for (const other of present) if (other !== wanted) await run("ip", ["addr", "del", other, "dev", bridge]);
    if (!present.includes(wanted)) await run("ip", ["addr", "add", wanted, "dev", bridge]);
  }

  async #tap({ name, bridge, uid }: TapItem, link: Link | undefined): Promise<void> {
    if (link === undefined) await run("ip", ["tuntap", "add", "dev", name, "mode", "tap", "user", `${uid}`]);
    if (link?.master !== bridge) await run("ip", ["link", "set", "dev", name, "master", bridge]);
    if (link?.flags?.includes("UP")) return;
    await run("ip", ["link", "set", "dev", name, "type", "bridge_slave", "isolated", "on"]);
    await run("ip", ["link", "set", "dev", name, "up"]);
  }

  /** Looks at what runs, not at what was noted: the folder may be lost while a resolver lives. */
  async #resolvers(wanted: readonly ResolverItem[]): Promise<void> {
    const running = await findResolvers(this.#prefix);
    for (const { bridge, config } of wanted) {
      const file = this.#file(bridge, "conf");
      const mine = running.filter((it) => it.bridge === bridge);
      if (mine.length === 1 && mine[0]?.file === file && (await readText(file)) === config) continue;
      for (const { pid } of mine) await stopResolver(pid);
      await writeFile(file, config);
      await run("dnsmasq", [`--conf-file=${file}`, `--pid-file=${this.#file(bridge, "pid")}`]);
    }
    for (const { bridge, pid } of running) {
      if (wanted.some((item) => item.bridge === bridge)) continue;
      await stopResolver(pid);
      for (const kind of ["conf", "pid"] as const) await rm(this.#file(bridge, kind), { force: true });
    }
  }

  #file(bridge: string, kind: "conf" | "pid"): string {
    return join(this.#folder, `${bridge}.${kind}`);
  }
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

function run(program: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: runMs }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new NetworkDriverError(`${program} ${args.join(" ")}: ${stderr.trim()}`, { cause: error }));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

function ignoreMissing(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ESRCH") throw error;
}
