/**
 * What is done as it is written, and hardly meant so: no fault. Kubernetes warns of it in the same words, and so do
 * the functions beside this one.
 */
import { labelValueFaults } from "@selvedge/apimachinery";
import type { PodSpec } from "./pod-types.ts";

export function podDoubts(path: string, spec: PodSpec): string[] {
  return [
    ...placeDoubts(path, spec),
    ...aliasDoubts(path, spec),
    ...volumeDoubts(spec),
    ...portDoubts(path, spec),
  ];
}

/** A preference that no node can meet. */
function placeDoubts(path: string, { affinity }: PodSpec): string[] {
  const preferred = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const at = `${path}.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution`;
  return preferred.flatMap(({ preference }, index) =>
    (preference?.matchExpressions ?? []).flatMap(({ values = [] }, number) =>
      values.flatMap((value, place) => {
        const faults = labelValueFaults(value).join("; ");
        const field = `${at}[${index}].preference.matchExpressions[${number}].values[${place}]`;
        return faults === "" ? [] : [`${field}: ${value} is invalid, ${faults}`];
      }),
    ),
  );
}

function aliasDoubts(path: string, { hostAliases = [] }: PodSpec): string[] {
  const seen = new Set<string>();
  return hostAliases.flatMap(({ ip = "" }, index) => {
    const isKnown = seen.has(ip);
    seen.add(ip);
    return isKnown ? [`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`] : [];
  });
}

function volumeDoubts({ volumes = [] }: PodSpec): string[] {
  return volumes.flatMap(({ name, projected }) =>
    projected !== undefined && !projected.sources?.length
      ? [`volume ${JSON.stringify(name)} (Projected) has no sources provided`]
      : [],
  );
}

/** Ports named twice; those that two cannot have, on the node's address or under one name, are refused. */
function portDoubts(path: string, spec: PodSpec): string[] {
  const seen = new Map<string, { readonly at: string; readonly hostPort: number }>();
  const names = new Map<string, string>();
  const doubts: string[] = [];
  for (const list of ["initContainers", "containers"] as const)
    for (const [index, { ports = [] }] of (spec[list] ?? []).entries())
      for (const [number, { name, containerPort, protocol = "TCP", hostPort = 0 }] of ports.entries()) {
        const at = `${path}.${list}[${index}].ports[${number}]`;
        const key = `${containerPort}/${protocol}`;
        const other = seen.get(key);
        if (other === undefined) seen.set(key, { at, hostPort });
        else if (other.hostPort === hostPort)
          doubts.push(`${at}: duplicate port definition with ${other.at}`);
        else if (other.hostPort === 0 || hostPort === 0)
          doubts.push(`${at}: overlapping port definition with ${other.at}`);
        const namesake = names.get(name ?? "");
        if (namesake !== undefined)
          doubts.push(`${at}: duplicate port name ${JSON.stringify(name)} with ${namesake}`);
        else if (name) names.set(name, at);
      }
  return doubts;
}
