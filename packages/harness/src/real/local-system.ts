/**
 * The same verbs over real processes: a system started by the `selvedge` command in a folder and on ports
 * of its own, with what a test may do to it: kill an engine, cut a cable, reboot a box.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { KubeClient } from "./kube-client.ts";

export const checkout: string = resolve(import.meta.dirname, "../../../..");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodePlan {
  readonly name: string;
  readonly dir: string;
  readonly namespace: string;
  readonly hostLink: string;
}

export interface LocalSystemOptions {
  readonly nodes: number;
  /** Keeps it; none means a folder that goes with it. */
  readonly dir?: string;
  /** Added to the environment of everything that it starts. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}

/** Why real nodes cannot run here; false when they can. */
export function realNodesMissing(): string | false {
  if (process.getuid?.() !== 0) return "local nodes need root (namespaces, taps, virtual machines)";
  return false;
}

export class LocalSystem implements AsyncDisposable {
  readonly dir: string;
  readonly port: number;
  readonly #temporary: boolean;
  readonly #env: Readonly<Record<string, string>>;
  #client: KubeClient | undefined;

  private constructor(dir: string, port: number, { dir: kept, env = {} }: LocalSystemOptions) {
    this.dir = dir;
    this.port = port;
    this.#temporary = kept === undefined;
    this.#env = env;
  }

  /** Starts a system. */
  static async up(options: LocalSystemOptions): Promise<LocalSystem> {
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "selvedge-up-")));
    const system = new LocalSystem(dir, await freePorts(), options);
    try {
      await system.command(["up", "--detach", "--nodes", String(options.nodes), ...system.#place()]);
      return system;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  get kubeconfig(): string {
    return join(this.dir, "kubeconfig");
  }

  /** One of `./selvedge`'s commands; it must succeed. */
  async command(args: readonly string[]): Promise<Ran> {
    const ran = await run(join(checkout, "selvedge"), args, { ...this.#env, CI: "true" });
    if (ran.code !== 0) {
      const log = await this.log("up.log").catch(() => "");
      throw new Error(
        `selvedge ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}\n${log}`,
      );
    }
    return ran;
  }

  /** For this system: `--dir` and `--port` are added. */
  async demo(): Promise<Ran> {
    return await this.command(["demo", ...this.#place()]);
  }

  async push(image: string, reference: string): Promise<void> {
    await this.command(["push", image, reference, "--dir", this.dir]);
  }

  async client(): Promise<KubeClient> {
    this.#client ??= await KubeClient.open(this.kubeconfig);
    return this.#client;
  }

  async nodes(): Promise<readonly NodePlan[]> {
    const text = await readFile(join(this.dir, "up.json"), "utf8").catch(() => '{"plan":{"nodes":[]}}');
    return (JSON.parse(text) as { plan: { nodes: readonly NodePlan[] } }).plan.nodes;
  }

  async node(index = 0): Promise<NodePlan> {
    const node = (await this.nodes())[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** Processes of one of our programs, or of programs that nodes start, by what their command line says. */
  async pids(match: (args: readonly string[]) => boolean): Promise<number[]> {
    const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
    const found = await Promise.all(
      pids.map(async (pid) => {
        const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        return match(line.split("\0")) && (await this.#isOurs(pid)) ? [pid] : [];
      }),
    );
    return found.flat();
  }

  /** The one that runs a program: for a moment a child that is about to run another has its command line. */
  async #pid(match: (args: readonly string[]) => boolean): Promise<number | undefined> {
    const all = await this.pids(match);
    const parents = await Promise.all(all.map(parentOf));
    return all.find((_, at) => !all.includes(parents[at] ?? 0));
  }

  /** Which of these processes still run. */
  async alive(pids: readonly number[]): Promise<number[]> {
    const states = await Promise.all(pids.map(async (pid) => (await statOf(pid))?.[1] ?? "Z"));
    return pids.filter((_, at) => states[at] !== "Z");
  }

  async enginePid(index = 0): Promise<number | undefined> {
    const { dir } = await this.node(index);
    return await this.#pid((args) => /\bnode$/.test(args[0] ?? "") && args.includes(join(dir, "state")));
  }

  async controllerPid(): Promise<number | undefined> {
    const data = join(this.dir, "controller");
    return await this.#pid((args) => /\bnode$/.test(args[0] ?? "") && args.includes(data));
  }

  async machinePids(): Promise<number[]> {
    return await this.pids((args) => /qemu-system/.test(args[0] ?? ""));
  }

  /** The node's cable: pulled out, plugged in. */
  async setCable(index: number, state: "up" | "down"): Promise<void> {
    const { hostLink } = await this.node(index);
    const { code, stderr } = await run("ip", ["link", "set", "dev", hostLink, state]);
    if (code !== 0) throw new Error(`cannot set ${hostLink} ${state}: ${stderr}`);
  }

  async log(name: string): Promise<string> {
    return (await readFile(join(this.dir, name), "utf8")).split("\n").slice(-40).join("\n");
  }

  async down(): Promise<Ran> {
    this.#client?.[Symbol.dispose]();
    this.#client = undefined;
    return await this.command(["down", "--dir", this.dir]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    if (this.#temporary) await rm(this.dir, { recursive: true, force: true });
  }

  /** It carries the mark of `up`, or lives in a node's namespace, whatever its environment was cleaned to. */
  async #isOurs(pid: number): Promise<boolean> {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(`SELVEDGE_UP=${this.dir}`)) return true;
    const of = async (path: string): Promise<number> =>
      (await stat(path).catch(() => undefined))?.ino ?? Number.NaN;
    const own = await of(`/proc/${pid}/ns/net`);
    for (const { namespace } of await this.nodes())
      if ((await of(`/run/netns/${namespace}`)) === own) return true;
    return false;
  }

  #place(): string[] {
    return ["--dir", this.dir, "--port", String(this.port)];
  }
}

/** The first of two free ports in a row; each process begins elsewhere, so that two do not race for the same. */
async function freePorts(): Promise<number> {
  for (let step = 0; step < 100; step++) {
    const port = 17_443 + 2 * ((process.pid + step) % 100);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error("no free ports between 17443 and 17643");
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}

/** State and parent of a process. */
async function statOf(pid: number): Promise<RegExpExecArray | null> {
  return /\) (\S) (\d+)/.exec(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""));
}

async function parentOf(pid: number): Promise<number> {
  return Number((await statOf(pid))?.[2]);
}
