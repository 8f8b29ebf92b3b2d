/** A box of its own: a network namespace with one cable, a TPM, and the engine as a process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { OnboardingPair } from "../../../packages/cli/src/up/node-config.ts";
import { writeNodeConfig } from "../../../packages/cli/src/up/node-config.ts";
import { checkout, run } from "../../../packages/harness/src/real/local-system.ts";
import { waitFor } from "../../../packages/harness/src/real/wait.ts";

/** Two runs on one machine are two boxes. */
const ours = process.pid % 200;
export const hostAddress: string = `172.30.${ours}.1`;
export const boxAddress: string = `172.30.${ours}.2`;
const namespace = `sv-adam-${ours}`;
const cable = `sv-adam${ours}`;

export interface BoxOptions {
  readonly folder: string;
  readonly server: string;
  readonly rootCertificate: string;
  readonly onboarding: OnboardingPair;
  readonly serial: string;
}

/** Why no box can run apps here; false when one can. */
export function boxMissing(): string | false {
  if (process.getuid?.() !== 0) return "a node needs root (namespaces, taps, virtual machines)";
  if (!existsSync("/usr/bin/swtpm")) return "swtpm is not installed";
  return false;
}

/** The cable between host and box, gone with what is returned. */
export async function layCable(): Promise<AsyncDisposable> {
  await removeCable();
  await must("ip", "netns", "add", namespace);
  await must("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace);
  await must("ip", "addr", "add", `${hostAddress}/24`, "dev", cable);
  await must("ip", "link", "set", "dev", cable, "up");
  const inside = ["netns", "exec", namespace, "ip"];
  await must("ip", ...inside, "link", "set", "dev", "lo", "up");
  await must("ip", ...inside, "addr", "add", `${boxAddress}/24`, "dev", "eth0");
  await must("ip", ...inside, "link", "set", "dev", "eth0", "up");
  await must("ip", ...inside, "route", "add", "default", "via", hostAddress);
  return { [Symbol.asyncDispose]: removeCable };
}

async function removeCable(): Promise<void> {
  await run("ip", ["netns", "delete", namespace]);
  await run("ip", ["link", "delete", cable]);
}

export class EngineBox implements AsyncDisposable {
  readonly #folder: string;
  readonly #processes: ChildProcess[] = [];
  #engine: ChildProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(options: BoxOptions): Promise<EngineBox> {
    const { folder } = options;
    const box = new EngineBox(folder);
    for (const name of ["tpm", "state", "run"]) await mkdir(join(folder, name), { recursive: true });
    await writeNodeConfig(join(folder, "config"), options);
    const socket = join(folder, "run", "tpm.sock");
    box.#spawn("tpm.log", "swtpm", [
      ...["socket", "--tpm2", "--tpmstate", `dir=${join(folder, "tpm")}`],
      ...["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`],
      ...["--flags", "startup-clear,not-need-init"],
    ]);
    box.#startEngine();
    return box;
  }

  /** Stops the engine and starts it again; its machines go on meanwhile. */
  async restartEngine(): Promise<void> {
    if (this.#engine !== undefined) await end(this.#engine);
    this.#startEngine();
  }

  /** Waits until the engine ends by itself, and starts it again, as whoever looks after it would. */
  async engineReboots(): Promise<void> {
    const engine = this.#engine;
    if (engine !== undefined && engine.exitCode === null) await once(engine, "exit");
    this.#startEngine();
  }

  #startEngine(): void {
    const folder = (name: string): string => join(this.#folder, name);
    this.#engine = this.#spawn("engine.log", join(checkout, "node_modules/.bin/node"), [
      join(checkout, "packages/engine/src/main.ts"),
      ...["--config", folder("config"), "--state", folder("state"), "--run", folder("run")],
      ...["--tpm", `swtpm:${folder("run/tpm.sock")}`, "--guest", join(checkout, ".cache/guest")],
    ]);
  }

  /** The engine's own log, as far as it is written. */
  async log(): Promise<string> {
    return await readFile(join(this.#folder, "engine.log"), "utf8");
  }

  /** Virtual machines that run in the box. */
  async machines(): Promise<number> {
    let machines = 0;
    for (const pid of await pidsInside()) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (/qemu-system/.test(line.split("\0")[0] ?? "")) machines++;
    }
    return machines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes.reverse()) await end(child);
    // Machines and name servers outlive the engine that started them, on purpose.
    for (const pid of await pidsInside()) process.kill(pid, "SIGKILL");
    await waitFor("the box to be empty", async () => ((await pidsInside()).length === 0 ? true : undefined));
  }

  #spawn(log: string, command: string, args: readonly string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", namespace, command, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const file = createWriteStream(join(this.#folder, log), { flags: "a" });
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    this.#processes.push(child);
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}

async function pidsInside(): Promise<number[]> {
  const { stdout } = await run("ip", ["netns", "pids", namespace]);
  return stdout.split(/\s+/).filter(Boolean).map(Number);
}

async function must(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}
