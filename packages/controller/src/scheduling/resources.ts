import { parseQuantity, toMillis, toUnits } from "@selvedge/apimachinery";
import { deviceGroups, deviceResource, isExtendedResource, type Node, type Pod } from "@selvedge/kinds";
import { asHeld } from "../objects/held-size.ts";
import { amountOfPod, extendedOf } from "../quota/usage.ts";

/** What a Pod takes of its node, or a node has. CPU in thousandths, the rest in bytes and counts. */
export interface Amounts {
  readonly cpu: number;
  readonly memory: number;
  readonly storage: number;
  readonly pods: number;
}

const mebibyte = 1024 * 1024;
/**
 * As docs/decisions/0004 sizes the virtual machine: memory cannot be lent twice, so what the machine gets
 * is what counts.
 */
const defaultMemory = 128 * mebibyte;
const guestMemory = 96 * mebibyte;

export function amountsOf(pod: Pod): Amounts {
  const spec = asHeld(pod);
  let cpu = 0;
  let memory = spec.runtimeClassName === "container" ? 0 : guestMemory;
  let storage = 0;
  const beside = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const { resources = {} } of [...beside, ...spec.containers]) {
    const { limits = {}, requests = {} } = resources;
    cpu += millis(requests["cpu"] ?? limits["cpu"]);
    memory += units(limits["memory"]) || units(requests["memory"]) || defaultMemory;
    storage += units(requests["ephemeral-storage"] ?? limits["ephemeral-storage"]);
  }
  const { overhead = {} } = spec;
  cpu += millis(overhead["cpu"]);
  memory += units(overhead["memory"]);
  return { cpu, memory, storage, pods: 1 };
}

/** All that a Pod takes of its node. */
export interface Footprint extends Amounts {
  /** As `hostPortsOf` has them. */
  readonly ports: readonly string[];
  readonly extras: ReadonlyMap<string, number>;
}

export function footprintOf(pod: Pod): Footprint {
  return { ...amountsOf(pod), ports: hostPortsOf(pod), extras: extrasOf(pod) };
}

/** All that a Pod wants of a node. */
export interface Wanted extends Amounts {
  /** Ports that nobody may have taken. */
  readonly ports: readonly string[];
  readonly extras: ReadonlyMap<string, number>;
}

export function wantedOf(pod: Pod): Wanted {
  return { ...amountsOf(pod), ports: hostPortsAgainst(pod), extras: extrasOf(pod) };
}

/** Of Nodes as they are read: each Pod asks every one of them. */
const allocatable = new WeakMap<Node, Amounts>();

/** What a node has for Pods; nothing until it has said so. */
export function allocatableOf(node: Node): Amounts {
  const known = allocatable.get(node);
  if (known !== undefined) return known;
  const list = node.status?.allocatable ?? {};
  const amounts: Amounts = {
    cpu: millis(list["cpu"]),
    memory: units(list["memory"]),
    storage: units(list["ephemeral-storage"]),
    pods: units(list["pods"]),
  };
  allocatable.set(node, amounts);
  return amounts;
}

/**
 * What a Pod takes of the node's ports: `TCP/80` is one on all addresses; of one on a single address that is
 * `TCP/80@192.0.2.1`, and `TCP/80@`, which says that there is such a one.
 */
function hostPortsOf(pod: Pod): string[] {
  return hostPorts(pod).flatMap(([port, address]) =>
    address === "" ? [port] : [`${port}@${address}`, `${port}@`],
  );
}

/** What nobody may have taken for a Pod to get its ports. */
function hostPortsAgainst(pod: Pod): string[] {
  return hostPorts(pod).flatMap(([port, address]) => [port, `${port}@${address}`]);
}

function hostPorts({ spec }: Pod): (readonly [port: string, address: string])[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol = "TCP" }) =>
      hostPort ? [[`${protocol}/${hostPort}`, oneAddress(hostIP)] as const] : [],
    ),
  );
}

/**
 * What a Pod takes of what some nodes have a number of: `selvedge.dev/GROUP`, a group of devices, once however
 * many of its containers name it; and `example.com/dongle`, which somebody counts in the Node's status.
 */
function extrasOf(pod: Pod): ReadonlyMap<string, number> {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const groups = containers.flatMap(({ resources }) => deviceGroups(resources?.limits));
  const extras = new Map(groups.map((group) => [`${deviceResource}${group}`, 1]));
  for (const name of extendedOf(pod)) {
    if (isCountedByOthers(name)) extras.set(name, toUnits(amountOfPod(pod, "requests", name) ?? 0n));
  }
  return extras;
}

/** Whether it is no node that says how much it has of it, but somebody else: `example.com/dongle`. */
export function isCountedByOthers(name: string): boolean {
  return isExtendedResource(name) && !name.startsWith(deviceResource);
}

/** How much a node has of one of these. */
export function extraOf({ status }: Node, name: string): number {
  return units(status?.allocatable?.[name]);
}

function millis(text: string | undefined): number {
  return toMillis(parseQuantity(text ?? "0") ?? 0n);
}

function units(text: string | undefined): number {
  return toUnits(parseQuantity(text ?? "0") ?? 0n);
}

/** Of a hostIP: empty where it means all of the node's. */
export function oneAddress(hostIP = ""): string {
  return hostIP === "0.0.0.0" || hostIP === "::" ? "" : hostIP;
}
