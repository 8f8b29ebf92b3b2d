import { parseQuantity, toMillis, toUnits } from "@selvedge/apimachinery";
import { deviceGroups, deviceResource, type Node, type Pod } from "@selvedge/kinds";
import { asHeld } from "../objects/held-size.ts";

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

/** What a node has for Pods; nothing until it has said so. */
export function allocatableOf({ status }: Node): Amounts {
  const list = status?.allocatable ?? {};
  return {
    cpu: millis(list["cpu"]),
    memory: units(list["memory"]),
    storage: units(list["ephemeral-storage"]),
    pods: units(list["pods"]),
  };
}

/**
 * What a Pod takes of the node's ports: `TCP/80` is one on all addresses; of one on a single address that is
 * `TCP/80@192.0.2.1`, and `TCP/80@`, which says that there is such a one.
 */
export function hostPortsOf(pod: Pod): string[] {
  return hostPorts(pod).flatMap(([port, address]) =>
    address === "" ? [port] : [`${port}@${address}`, `${port}@`],
  );
}

/** What nobody may have taken for a Pod to get its ports. */
export function hostPortsAgainst(pod: Pod): string[] {
  return hostPorts(pod).flatMap(([port, address]) => [port, `${port}@${address}`]);
}

function hostPorts({ spec }: Pod): (readonly [port: string, address: string])[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol = "TCP" }) =>
      hostPort ? [[`${protocol}/${hostPort}`, oneAddress(hostIP)] as const] : [],
    ),
  );
}

/** `selvedge.dev/GROUP`, for each group of devices that a Pod takes: nobody else has it meanwhile. */
export function devicesOf({ spec }: Pod): string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const groups = containers.flatMap(({ resources }) => deviceGroups(resources?.limits));
  return [...new Set(groups)].map((group) => `${deviceResource}${group}`);
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
