import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SystemClock } from "@selvedge/base";
import { prepareGuest } from "../guest.ts";
import { type Command, type Io, UsageError } from "../io.ts";
import { waitFor } from "../kube.ts";
import { checkout, defaultDir, nodeBinary, programMain } from "../layout.ts";
import { sweep } from "./down-command.ts";
import { machineAddresses, makeNetwork } from "./host-network.ts";
import { startLocalSystem } from "./local-system.ts";
import { freeSubnetIndex, planUp, type UpPlan } from "./up-plan.ts";
import { isAlive, readUpState, refOf, type UpState, writeUpState } from "./up-state.ts";

const help = `Usage: ./selvedge up [--nodes N] [--dir DIR] [--port P] [--detach]

Starts a controller and N local nodes (default 1), each in its own network namespace with its own software TPM.
Without --detach it stays in the foreground; Ctrl-C stops everything. A second "up" with the same DIR is the same
system.

  --nodes N    how many local nodes; 0 starts the controller alone
  --dir DIR    where everything lives (default ~/.selvedge)
  --port P     the Kubernetes API's port (default 6443); the node API takes the next one
  --detach     return once the system is ready`;

export interface UpOptions {
  readonly nodes: number;
  readonly dir: string;
  readonly port: number;
}

export const upCommand: Command = {
  name: "up",
  summary: "start a controller and local nodes",
  async run(args, io, signal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: "string", default: "1" },
        dir: { type: "string" },
        port: { type: "string", default: "6443" },
        detach: { type: "boolean", default: false },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const options = {
      nodes: Number(values.nodes),
      dir: resolve(values.dir ?? defaultDir()),
      port: Number(values.port),
    };
    if (values.detach) await upDetached(options, signal);
    else if (!(await isUp(options.dir))) return await upForeground(options, io, signal);
    await tell(options.dir, io);
    return 0;
  },
};

async function isUp(dir: string): Promise<boolean> {
  const state = await readUpState(dir);
  return state !== undefined && (await isAlive(state.supervisor));
}

/** Starts the system in a process of its own and waits until it is ready. */
export async function upDetached(options: UpOptions, signal: AbortSignal): Promise<void> {
  const { dir, nodes, port } = options;
  if (!(await isUp(dir))) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const logFile = join(dir, "up.log");
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(
      nodeBinary,
      [
        join(checkout, "packages", "cli", "src", "main.ts"),
        ...["up", "--nodes", String(nodes), "--dir", dir, "--port", String(port)],
      ],
      { stdio: ["ignore", log, "inherit"], detached: true },
    );
    const failed = once(child, "exit").then(() => {
      throw new Error(`the system ended before it was ready; see above and ${logFile}`);
    });
    signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    await Promise.race([
      waitFor(new SystemClock(), signal, "the system to be ready", () => isReady(dir)),
      failed,
    ]);
    failed.catch(() => undefined);
    child.unref();
  }
  await waitFor(new SystemClock(), signal, "the system to be ready", () => isReady(dir));
}

async function isReady(dir: string): Promise<true | undefined> {
  return (await readUpState(dir))?.ready ? true : undefined;
}

async function upForeground(options: UpOptions, io: Io, signal: AbortSignal): Promise<number> {
  const { dir, nodes, port } = options;
  if (nodes > 0 && process.getuid?.() !== 0) {
    throw new UsageError(
      "local nodes need root (namespaces, taps, virtual machines); --nodes 0 starts the controller alone",
    );
  }
  for (const name of nodes > 0 ? (["controller", "engine"] as const) : (["controller"] as const)) {
    if (!existsSync(programMain(name)))
      throw new UsageError(`this checkout does not hold the ${name} program`);
  }
  const left = await readUpState(dir);
  if (left !== undefined) await sweep(left);
  const guestDir = nodes > 0 ? await prepareGuest(io, signal) : "";
  const plan = planUp({ dir, nodes, port, subnetIndex: freeSubnetIndex(await machineAddresses()) });
  const supervisor = await refOf(process.pid);
  if (supervisor === undefined) throw new Error("cannot read /proc/self/stat");
  let state: UpState = { plan, supervisor, forwardingWasOff: false, ready: false };
  await writeUpState(state);
  try {
    state = { ...state, ...(nodes > 0 ? await makeNetwork(plan) : {}) };
    await writeUpState(state);
    io.err(`Starting the controller${nodes > 0 ? ` and ${nodes} node${nodes > 1 ? "s" : ""}` : ""}…`);
    await using _system = await startLocalSystem({ plan, guestDir, io, signal });
    state = { ...state, ready: true };
    await writeUpState(state);
    await tell(dir, io);
    if (!signal.aborted) await once(signal, "abort");
    io.err("Stopping…");
  } finally {
    await sweep(state);
  }
  return 0;
}

async function tell(dir: string, io: Io): Promise<void> {
  const state = await readUpState(dir);
  if (state === undefined) throw new Error(`nothing is running from ${dir}`);
  io.out(describeSystem(state.plan));
}

export function describeSystem(plan: UpPlan): string {
  return [
    `Kubernetes API  https://127.0.0.1:${plan.kubePort}`,
    `kubeconfig      ${join(plan.dir, "kubeconfig")}`,
    `nodes           ${plan.nodes.map(({ name }) => name).join(", ") || "none"}`,
  ].join("\n");
}
