import { parseArgs } from "node:util";
import { SystemClock, seconds, sleep } from "@selvedge/base";
import type { Command } from "../io.ts";
import { removeNetwork } from "./host-network.ts";
import { systemDir } from "./system-flags.ts";
import { endSystem } from "./system-processes.ts";
import { isAlive, readUpState, removeUpState, type UpState } from "./up-state.ts";

const help = `Usage: ./selvedge down [--dir DIR]

Stops exactly what "up" started with the same DIR (default ~/.selvedge): processes, virtual machines, namespaces,
bridges, taps. What is on disk stays: the next "up" goes on with it.`;

export const downCommand: Command = {
  name: "down",
  summary: "stop what up started",
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        dir: { type: "string" },
        help: { type: "boolean", short: "h" },
        yes: { type: "boolean", short: "y" },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const dir = systemDir(values.dir);
    const stopped = await stopSystem(dir);
    io.out(stopped ? `Stopped. Everything it stored is still in ${dir}.` : `Nothing is running from ${dir}.`);
    return 0;
  },
};

/** Returns whether there was one. */
export async function stopSystem(dir: string): Promise<boolean> {
  const state = await readUpState(dir);
  if (state === undefined) return false;
  await stopSupervisor(state);
  await sweep(state);
  return true;
}

/** How long the supervisor may take to end its programs in order before the sweep ends them. */
const supervisorGrace = seconds(60);

async function stopSupervisor({ supervisor }: UpState): Promise<void> {
  if (!(await isAlive(supervisor))) return;
  process.kill(supervisor.pid, "SIGTERM");
  const clock = new SystemClock();
  const deadline = clock.monotonic() + supervisorGrace;
  while ((await isAlive(supervisor)) && clock.monotonic() < deadline) await sleep(clock, seconds(0.1));
  if (await isAlive(supervisor)) process.kill(supervisor.pid, "SIGKILL");
}

/**
 * Ends and removes whatever is left: virtual machines outlive their engine on purpose, so they are ended
 * here.
 */
export async function sweep(state: UpState): Promise<void> {
  const { plan, forwardingWasOff } = state;
  await endSystem(plan);
  await removeNetwork(plan, forwardingWasOff);
  await removeUpState(plan.dir);
}
