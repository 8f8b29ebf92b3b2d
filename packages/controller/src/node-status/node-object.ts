import type { EdgeNode, Node } from "@selvedge/kinds";
import { nodeNameOf } from "../objects/caches.ts";

/**
 * Names the labels that came from the EdgeNode, so that one removed there is removed here and the user's
 * own stay.
 */
const managedLabels = "selvedge.dev/managed-labels";
/** Which EdgeNode a Node shows. */
export const edgeNodeLabel = "selvedge.dev/edge-node";

/** Whether a box is let in: only then does it show as a Node. */
export function isEnrolled({ status }: EdgeNode): boolean {
  return status?.nodeID !== undefined && status.phase !== "Waiting" && status.phase !== "Refused";
}

/** The Node an EdgeNode begins with. */
export function newNode(edgeNode: EdgeNode): Node {
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: nodeNameOf(edgeNode) },
    spec: { providerID: `selvedge://${edgeNode.status?.nodeID ?? ""}` },
  };
  adaptNode(node, edgeNode, undefined);
  return node;
}

/** Gives the Node the labels it should have, in place; returns whether anything changed. */
export function adaptNode(node: Node, edgeNode: EdgeNode, architecture: string | undefined): boolean {
  const arch = architecture ?? node.status?.nodeInfo?.architecture;
  const own: Record<string, string> = {
    ...edgeNode.spec.labels,
    "kubernetes.io/hostname": node.metadata.name,
    "kubernetes.io/os": "linux",
    "beta.kubernetes.io/os": "linux",
    [edgeNodeLabel]: edgeNode.metadata.name,
    ...(arch === undefined ? {} : { "kubernetes.io/arch": arch, "beta.kubernetes.io/arch": arch }),
  };
  const before = JSON.stringify([node.metadata.labels, node.metadata.annotations]);
  const labels = { ...node.metadata.labels };
  const managed = node.metadata.annotations?.[managedLabels]?.split(",") ?? [];
  for (const name of managed) if (!(name in own)) delete labels[name];
  Object.assign(labels, own);
  node.metadata.labels = labels;
  node.metadata.annotations = {
    ...node.metadata.annotations,
    [managedLabels]: Object.keys(edgeNode.spec.labels ?? {})
      .sort()
      .join(","),
  };
  return JSON.stringify([node.metadata.labels, node.metadata.annotations]) !== before;
}
