import type { PodSpec } from "./pod-types.ts";

/**
 * Ports that a Pod names twice: no fault, and hardly meant. Kubernetes warns of them in the same words; those
 * that two cannot have, on the node's address or under one name, are refused.
 */
export function portDoubts(path: string, spec: PodSpec): string[] {
  const seen = new Map<string, { readonly at: string; readonly hostPort: number }>();
  const doubts: string[] = [];
  for (const list of ["initContainers", "containers"] as const)
    for (const [index, { ports = [] }] of (spec[list] ?? []).entries())
      for (const [number, { containerPort, protocol = "TCP", hostPort = 0 }] of ports.entries()) {
        const at = `${path}.${list}[${index}].ports[${number}]`;
        const key = `${containerPort}/${protocol}`;
        const other = seen.get(key);
        if (other === undefined) seen.set(key, { at, hostPort });
        else if (other.hostPort === hostPort)
          doubts.push(`${at}: duplicate port definition with ${other.at}`);
        else if (other.hostPort === 0 || hostPort === 0)
          doubts.push(`${at}: overlapping port definition with ${other.at}`);
      }
  return doubts;
}
