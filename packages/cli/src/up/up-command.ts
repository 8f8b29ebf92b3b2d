import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Clock, millis, SystemClock, seconds, sleep } from "@selvedge/base";
import { prepareGuest } from "../guest.ts";
import { type Command, type Io, UsageError } from "../io.ts";
import { waitFor } from "../kube.ts";
import { checkout, defaultDir, nodeBinary, programMain } from "../layout.ts";
import { claim } from "./claim.ts";
import { sweep } from "./down-command.ts";
import { machineAddresses, makeNetwork } from "./host-network.ts";
import { startLocalSystem } from "./local-system.ts";
import { systemFlags } from "./system-flags.ts";
import { freeSubnetIndex, planUp, type UpPlan } from "./up-plan.ts";
import { isAlive, readUpState, refOf, type UpState, writeUpState } from "./up-state.ts";

const help = `Usage: ./selvedge up [--nodes N] [--dir DIR] [--port P] [--detach]
       ./selvedge up --nodes 0 --boxes HOST [--dir DIR] [--port P] [--detach]

Starts a controller and N local nodes (default 1), each in its own network namespace with its own software TPM.
Without --detach it stays in the foreground; Ctrl-C stops everything. A second "up" with the same DIR is the same
system.

  --nodes N    how many local nodes; 0 starts the controller alone. A running system keeps its number
  --dir DIR    where everything lives (default ~/.selvedge)
  --port P     the Kubernetes API's port (default 6443); the node API takes the next one
  --boxes HOST  let boxes in that reach this machine as HOST (10.0.2.2: those of "os run"). What each is to be given
               lies in DIR/boxes then; whoever has it is a node, so keep it
  --detach     return once the system is ready`;

export interface UpOptions {
  readonly nodes: number;
  readonly dir: string;
  readonly port: number;
  readonly boxes?: string | undefined;
}

export const upCommand: Command = {
  name: "up",
  summary: "start a controller and local nodes",
  async run(args, io, signal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: "string" },
        dir: { type: "string" },
        port: { type: "string", default: "6443" },
        boxes: { type: "string" },
        detach: { type: "boolean", default: false },
        yes: { type: "boolean", short: "y" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const options = { ...systemFlags(values), boxes: values.boxes };
    if (values.nodes !== undefined) await refuseOtherSize(options);
    if (values.detach) await upDetached(options, io, signal);
    else if (!(await isUp(options.dir))) return await upForeground(options, io, signal);
    await tell(options.dir, io);
    return 0;
  },
};

/** A running system keeps its size: growing it would mean moving cables under nodes that work. */
async function refuseOtherSize({ dir, nodes }: UpOptions): Promise<void> {
  const state = await readUpState(dir);
  if (state === undefined || !(await isAlive(state.supervisor)) || state.plan.nodes.length === nodes) return;
  throw new UsageError(
    `--nodes ${nodes}: ${dir} runs with ${state.plan.nodes.length}; for another number, run ` +
      `./selvedge down --dir ${dir} first. Nodes keep their identity and apps come back`,
  );
}

async function isUp(dir: string): Promise<boolean> {
  const state = await readUpState(dir);
  return state !== undefined && (await isAlive(state.supervisor));
}

/**
 * Starts the system in a process of its own and waits until it is ready, showing what it says meanwhile.
 * Returns whether it had to be started.
 */
export async function upDetached(options: UpOptions, io: Io, signal: AbortSignal): Promise<boolean> {
  const { dir, nodes, port, boxes } = options;
  const clock = new SystemClock();
  const ready = (end: AbortSignal): Promise<unknown> =>
    waitFor(clock, end, "the system to be ready", () => isReady(dir), { limit: readyLimit });
  if (await isUp(dir)) {
    await ready(signal);
    return false;
  }
  refuseWithoutRoot(nodes);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const logFile = join(dir, "up.log");
  const from = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  const log = openSync(logFile, "a", 0o600);
  const main = join(checkout, "packages", "cli", "src", "main.ts");
  signal.throwIfAborted();
  // What it says goes to the file alone: it must outlive this terminal, and keep no pipe of ours open.
  const child = spawn(
    nodeBinary,
    [
      ...[main, "up", "--nodes", String(nodes), "--dir", dir, "--port", String(port)],
      ...(boxes === undefined ? [] : ["--boxes", boxes]),
    ],
    { stdio: ["ignore", "ignore", log], detached: true },
  );
  closeSync(log);
  const done = new AbortController();
  const exited = once(child, "exit").then(() => done.abort());
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const relay = follow(logFile, from, io, clock, done.signal);
  try {
    await ready(done.signal).catch((error: unknown) => {
      if (done.signal.aborted)
        throw new UsageError(`the system ended before it was ready; its log is ${logFile}`);
      throw error;
    });
    child.unref();
    return true;
  } catch (error) {
    // Another one was faster, and ours had nothing to do.
    if (!signal.aborted && (await isReady(dir))) return false;
    // It removes what it made before it ends.
    stop();
    await exited;
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    done.abort();
    await relay;
  }
}

/** A first start builds the guest and waits for every node to enrol, on a machine that may be busy. */
const readyLimit = seconds(600);

/** Shows what is added to a file until the signal ends it, the last lines included. */
async function follow(file: string, from: number, io: Io, clock: Clock, end: AbortSignal): Promise<void> {
  let at = from;
  for (let last = false; !last; ) {
    last = end.aborted;
    const bytes = (await readFile(file)).subarray(at);
    const lines = bytes.subarray(0, bytes.lastIndexOf(10) + 1);
    at += lines.length;
    if (lines.length > 0) io.err(lines.toString("utf8").trimEnd());
    if (!last) await sleep(clock, millis(200), end).catch(() => undefined);
  }
}

/** What a killed supervisor wrote tells nothing. */
async function isReady(dir: string): Promise<true | undefined> {
  const state = await readUpState(dir);
  return state?.ready && (await isAlive(state.supervisor)) ? true : undefined;
}

/**
 * Two started at the same moment are one system too: the second waits, and takes over if the first gives
 * up.
 */
async function claimOrJoin(dir: string, io: Io, signal: AbortSignal): Promise<AsyncDisposable | undefined> {
  const claimed = await claim(dir);
  if (claimed !== undefined) return claimed;
  io.err(`Another ./selvedge up is starting ${dir}; waiting for it…`);
  const what = `the other ./selvedge up in ${dir}`;
  const attempt = async (): Promise<AsyncDisposable | true | undefined> =>
    (await isReady(dir)) ?? (await claim(dir));
  const result = await waitFor(new SystemClock(), signal, what, attempt, { limit: readyLimit });
  return result === true ? undefined : result;
}

/** A network is free until its bridge has an address: who chooses one is alone until then. */
async function claimChoice(signal: AbortSignal): Promise<AsyncDisposable> {
  const what = "another ./selvedge up to choose its network";
  return await waitFor(new SystemClock(), signal, what, () => claim("networks"), { limit: seconds(60) });
}

async function upForeground(options: UpOptions, io: Io, signal: AbortSignal): Promise<number> {
  const { dir, nodes, port, boxes } = options;
  refuseWithoutRoot(nodes);
  for (const name of nodes > 0 ? (["controller", "engine"] as const) : (["controller"] as const)) {
    if (!existsSync(programMain(name)))
      throw new UsageError(`this checkout does not hold the ${name} program`);
  }
  await using claimed = await claimOrJoin(dir, io, signal);
  if (claimed === undefined) {
    await tell(dir, io);
    return 0;
  }
  const left = await readUpState(dir);
  if (left !== undefined) await sweep(left);
  for (const taken of [port, port + 1]) await refuseTakenPort(taken);
  const guestDir = nodes > 0 ? await prepareGuest(io, signal) : "";
  await using choice = await claimChoice(signal);
  const plan = planUp({ dir, nodes, port, boxes, subnetIndex: freeSubnetIndex(await machineAddresses()) });
  const supervisor = await refOf(process.pid);
  if (supervisor === undefined) throw new Error("cannot read /proc/self/stat");
  let state: UpState = { plan, supervisor, forwardingWasOff: false, ready: false };
  await writeUpState(state);
  try {
    state = { ...state, ...(nodes > 0 ? await makeNetwork(plan) : {}) };
    await writeUpState(state);
    await choice[Symbol.asyncDispose]();
    await using _system = await startLocalSystem({ plan, guestDir, io, signal });
    state = { ...state, ready: true };
    await writeUpState(state);
    await tell(dir, io);
    if (!signal.aborted) await once(signal, "abort");
    io.err("Stopping…");
  } finally {
    await sweep(state);
    io.err(`Stopped. Everything it stored is still in ${dir}.`);
  }
  return 0;
}

function refuseWithoutRoot(nodes: number): void {
  if (nodes === 0 || process.getuid?.() === 0) return;
  throw new UsageError(
    "nodes on this machine need root: they have network namespaces, taps and virtual machines. Without root these " +
      "work: up --nodes 0 (the controller and its API), sim (nodes without apps), pack, push, test",
  );
}

/** Another program on the port would leave the controller starting over and over. */
async function refuseTakenPort(port: number): Promise<void> {
  const probe = createServer();
  const taken = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(true));
    probe.listen(port, "127.0.0.1", () => resolve(false));
  });
  probe.close();
  if (taken)
    throw new UsageError(`port ${port} is in use; choose another with --port (it takes two in a row)`);
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
    `in a browser    ./selvedge console${kubeconfigFlag(plan.dir)}`,
    ...(plan.boxes === undefined ? [] : [`for boxes       ${join(plan.dir, "boxes")}`]),
  ].join("\n");
}

function kubeconfigFlag(dir: string): string {
  return dir === defaultDir() ? "" : ` --kubeconfig ${join(dir, "kubeconfig")}`;
}
