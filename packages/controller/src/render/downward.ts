import { parseQuantity, toMillis, toUnits } from "@selvedge/apimachinery";
import type { Container, Node, Pod, ResourceFieldSelector } from "@selvedge/kinds";
import { RenderError } from "./inputs.ts";

/** The value of a field of the Pod; `onNode` when only the node knows it. */
export type FieldValue = { readonly value: string } | { readonly onNode: string };

const onNodePaths = ["status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"];

/** What `fieldRef` stands for. */
export function fieldOf(pod: Pod, path: string): FieldValue {
  if (onNodePaths.includes(path)) return { onNode: path };
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) {
    const [, map, key = ""] = keyed;
    return { value: (map === "labels" ? metadata.labels : metadata.annotations)?.[key] ?? "" };
  }
  switch (path) {
    case "metadata.name":
      return { value: metadata.name };
    case "metadata.namespace":
      return { value: metadata.namespace ?? "" };
    case "metadata.uid":
      return { value: metadata.uid ?? "" };
    case "metadata.labels":
      return { value: keyValueLines(metadata.labels) };
    case "metadata.annotations":
      return { value: keyValueLines(metadata.annotations) };
    case "spec.nodeName":
      return { value: spec.nodeName ?? "" };
    case "spec.serviceAccountName":
      return { value: spec.serviceAccountName ?? "default" };
    default:
      throw new RenderError("CreateContainerConfigError", `unsupported fieldPath: ${path}`);
  }
}

/**
 * What `resourceFieldRef` stands for: in units of the divisor, rounded up; the node's own amount where
 * there is no limit.
 */
export function resourceOf(
  pod: Pod,
  own: Container | undefined,
  ref: ResourceFieldSelector,
  node: Node | undefined,
): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container =
    ref.containerName === undefined || ref.containerName === ""
      ? own
      : all.find(({ name }) => name === ref.containerName);
  if (container === undefined) {
    throw new RenderError("CreateContainerConfigError", `container ${ref.containerName ?? ""} not found`);
  }
  const match = /^(limits|requests)\.(.+)$/.exec(ref.resource);
  if (match === null) {
    throw new RenderError("CreateContainerConfigError", `unsupported container resource: ${ref.resource}`);
  }
  const [, list, resource = ""] = match;
  const { limits = {}, requests = {} } = container.resources ?? {};
  const declared =
    list === "limits"
      ? (limits[resource] ?? node?.status?.allocatable?.[resource])
      : (requests[resource] ?? limits[resource]);
  const amount = parseQuantity(declared ?? "0") ?? 0n;
  const divisor = parseQuantity(ref.divisor ?? "1") || parseQuantity("1") || 1n;
  return String((amount + divisor - 1n) / divisor);
}

/** Limits of memory and CPU of one container, in bytes and thousandths; 0 where there are none. */
export function resourceNumbers(container: Container): {
  readonly cpuRequest: number;
  readonly cpuLimit: number;
  readonly memoryRequest: number;
  readonly memoryLimit: number;
  readonly storageLimit: number;
} {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const milli = (text: string | undefined): number => toMillis(parseQuantity(text ?? "0") ?? 0n);
  const units = (text: string | undefined): number => toUnits(parseQuantity(text ?? "0") ?? 0n);
  return {
    cpuRequest: milli(requests["cpu"] ?? limits["cpu"]),
    cpuLimit: milli(limits["cpu"]),
    memoryRequest: units(requests["memory"] ?? limits["memory"]),
    memoryLimit: units(limits["memory"]),
    storageLimit: units(limits["ephemeral-storage"]),
  };
}

/** As the downward API writes maps: `key="value"`, a line each, in order of the keys. */
function keyValueLines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}
