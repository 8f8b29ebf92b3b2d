/** How a program is started so that it sees the node's machine in place of ours. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodePlan } from "./up-plan.ts";

export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/** In the node's network. */
export function insideNode(node: NodePlan, command: string, args: readonly string[]): CommandLine {
  return { command: "ip", args: ["netns", "exec", node.namespace, command, ...args] };
}

/**
 * And in its own time since boot: a node boots with its system, not with this machine. Without that an
 * engine would take apps that `down` ended for apps that crashed, and wait longer before each next start.
 * `ip netns exec` gives each program mounts of its own, so nobody else sees this one.
 */
export function insideBootedNode(node: NodePlan, command: string, args: readonly string[]): CommandLine {
  const script = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"';
  return insideNode(node, "sh", ["-c", script, "sh", bootFile(node), command, ...args]);
}

/** Once a start of the system: programs that are started again find the same boot. */
export async function bootNode(node: NodePlan): Promise<void> {
  await writeFile(bootFile(node), `${randomUUID()}\n`);
}

function bootFile(node: NodePlan): string {
  return join(node.dir, "run", "boot_id");
}
