/**
 * The machine's network as `up` needs it: one bridge, one namespace and cable a node, NAT towards the
 * outside.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { must, run } from "../processes.ts";
import type { NodePlan, UpPlan } from "./up-plan.ts";

const namespaces = "/run/netns";
const forwarding = "/proc/sys/net/ipv4/ip_forward";

/**
 * Makes what is missing; what is there already stays as it is. Returns whether forwarding had to be
 * switched on.
 */
export async function makeNetwork(plan: UpPlan): Promise<{ readonly forwardingWasOff: boolean }> {
  if (!(await linkExists(plan.bridge))) await must("ip", ["link", "add", plan.bridge, "type", "bridge"]);
  await must("ip", ["addr", "replace", plan.bridgeAddress, "dev", plan.bridge]);
  await must("ip", ["link", "set", "dev", plan.bridge, "up"]);
  for (const node of plan.nodes) await makeNode(plan, node);
  await must("nft", ["-f", "-"], natRules(plan));
  const forwardingWasOff = (await readFile(forwarding, "utf8")).trim() === "0";
  if (forwardingWasOff) await writeFile(forwarding, "1");
  return { forwardingWasOff };
}

function natRules({ natTable, subnet, bridge }: UpPlan): string {
  return `table ip ${natTable} {}
delete table ip ${natTable}
table ip ${natTable} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
  }
}
`;
}

async function makeNode(plan: UpPlan, node: NodePlan): Promise<void> {
  const inside = ["netns", "exec", node.namespace, "ip"];
  if (!(await namespaceExists(node.namespace))) await must("ip", ["netns", "add", node.namespace]);
  await must("ip", [...inside, "link", "set", "dev", "lo", "up"]);
  if (!(await linkExists(node.hostLink))) {
    await must("ip", [
      ...["link", "add", node.hostLink, "type", "veth"],
      ...["peer", "name", "eth0", "netns", node.namespace],
    ]);
  }
  await must("ip", ["link", "set", "dev", node.hostLink, "master", plan.bridge]);
  await must("ip", ["link", "set", "dev", node.hostLink, "up"]);
  await must("ip", [...inside, "addr", "replace", node.address, "dev", "eth0"]);
  await must("ip", [...inside, "link", "set", "dev", "eth0", "up"]);
  const gateway = plan.bridgeAddress.replace(/\/.*/, "");
  await must("ip", [...inside, "route", "replace", "default", "via", gateway]);
}

/** Removes what makeNetwork made, whatever of it is there. */
export async function removeNetwork(plan: UpPlan, restoreForwarding: boolean): Promise<void> {
  for (const node of plan.nodes) {
    if (await namespaceExists(node.namespace)) await must("ip", ["netns", "delete", node.namespace]);
    if (await linkExists(node.hostLink)) await run("ip", ["link", "delete", node.hostLink]);
  }
  if (await linkExists(plan.bridge)) await must("ip", ["link", "delete", plan.bridge]);
  if (plan.nodes.length > 0) await removeNamespaceMount();
  await run("nft", ["delete", "table", "ip", plan.natTable]);
  if (restoreForwarding) await writeFile(forwarding, "0");
}

/**
 * `ip netns add` mounts its folder over itself once and for all; nobody needs that when no namespace is
 * left.
 */
async function removeNamespaceMount(): Promise<void> {
  const left = await readdir(namespaces).catch((): string[] => []);
  // Refused when another system makes a namespace at this moment, or when there is no such mount: both are
  // fine.
  if (left.length === 0) await run("umount", [namespaces]);
}

export async function machineAddresses(): Promise<string[]> {
  const links = JSON.parse(await must("ip", ["-j", "addr"])) as { addr_info?: { local?: string }[] }[];
  return links.flatMap(({ addr_info = [] }) => addr_info.flatMap(({ local }) => local ?? []));
}

async function linkExists(name: string): Promise<boolean> {
  return (await run("ip", ["link", "show", "dev", name])).code === 0;
}

export async function namespaceExists(name: string): Promise<boolean> {
  const { stdout } = await run("ip", ["netns", "list"]);
  return stdout.split("\n").some((line) => line.split(" ")[0] === name);
}
