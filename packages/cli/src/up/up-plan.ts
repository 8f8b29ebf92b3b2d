import { createHash } from "node:crypto";
import { join } from "node:path";
import { UsageError } from "../io.ts";

/**
 * Everything `up` will make, decided before anything is made, so that `down` can undo it from the same
 * facts.
 */
export interface UpPlan {
  readonly dir: string;
  readonly kubePort: number;
  readonly devicePort: number;
  readonly bridge: string;
  /** Of the bridge, with prefix length: where local nodes reach the controller. */
  readonly bridgeAddress: string;
  readonly subnet: string;
  readonly natTable: string;
  readonly nodes: readonly NodePlan[];
  /** How boxes elsewhere reach this machine; not there: none is let in. */
  readonly boxes?: string;
}

export interface NodePlan {
  readonly name: string;
  readonly dir: string;
  readonly namespace: string;
  /** The host's end of the node's cable. */
  readonly hostLink: string;
  readonly address: string;
}

export function planUp(options: {
  readonly dir: string;
  readonly nodes: number;
  readonly port: number;
  /** The third byte of 10.213.x.0/24: one that no link of this machine uses yet. */
  readonly subnetIndex: number;
  readonly boxes?: string | undefined;
}): UpPlan {
  const { dir, nodes, port, subnetIndex, boxes } = options;
  if (boxes !== undefined) refuseBoxes(boxes, nodes);
  const id = createHash("sha256").update(dir).digest("hex").slice(0, 5);
  const network = `10.213.${subnetIndex}`;
  return {
    dir,
    kubePort: port,
    devicePort: port + 1,
    bridge: `sv${id}`,
    bridgeAddress: `${network}.1/24`,
    subnet: `${network}.0/24`,
    natTable: `selvedge_${id}`,
    ...(boxes === undefined ? {} : { boxes }),
    nodes: Array.from({ length: nodes }, (_, index) => ({
      name: `node-${index + 1}`,
      dir: join(dir, "nodes", `node-${index + 1}`),
      namespace: `sv${id}-node-${index + 1}`,
      hostLink: `sv${id}n${index + 1}`,
      address: `${network}.${index + 10}/24`,
    })),
  };
}

/** Nodes are told one address of the controller, and local ones reach it by one that nobody else does. */
function refuseBoxes(boxes: string, nodes: number): void {
  if (nodes > 0)
    throw new UsageError("--boxes needs --nodes 0: boxes and local nodes reach it by different ways");
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(boxes))
    throw new UsageError(
      `--boxes ${boxes}: write the address or name of this machine that boxes reach, without port`,
    );
}

/** The first subnet that none of the machine's addresses lies in. */
export function freeSubnetIndex(addresses: readonly string[]): number {
  const taken = new Set(addresses.flatMap((address) => /^10\.213\.(\d+)\./.exec(address)?.[1] ?? []));
  for (let index = 0; index < 256; index++) if (!taken.has(String(index))) return index;
  throw new UsageError("all of 10.213.0.0/16 is in use; run ./selvedge down for systems that are not needed");
}
