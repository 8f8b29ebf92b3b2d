import { matchesLabels, type OwnerReference } from "@selvedge/apimachinery";
import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
} from "@selvedge/kinds";
import { isGoing, isOver, isReady } from "../objects/pods.ts";
import { controllerReference } from "../workloads/template.ts";

export const serviceLabel = "kubernetes.io/service-name";
export const managedBy = "endpointslice.kubernetes.io/managed-by";
export const manager = "endpointslice-controller.k8s.io";
export const endpointsManagedBy = "endpoints.kubernetes.io/managed-by";
const headlessLabel = "service.kubernetes.io/headless";
/** As upstream: what changes is sent as a whole, so it stays small. */
const sliceMax = 100;
/** What one Endpoints object holds at most. */
const endpointsMax = 1000;

/** Whether a Service finds its Pods by labels; of others somebody else says where they lead. */
export function selects({ spec }: Service): boolean {
  return spec.type !== "ExternalName" && Object.keys(spec.selector ?? {}).length > 0;
}

/** By its labels, in the Service's own namespace. */
export function isSelected({ metadata, spec }: Service, pod: Pod): boolean {
  if (metadata.namespace !== pod.metadata.namespace) return false;
  const requirements = Object.entries(spec.selector ?? {}).map(
    ([key, value]) => ({ key, operator: "In", values: [value] }) as const,
  );
  return requirements.length > 0 && matchesLabels(requirements, pod.metadata.labels);
}

interface Group {
  readonly ports: readonly EndpointPort[];
  readonly pods: Pod[];
}

/** Pods with an address, by the ports that the Service's targets are on them. */
function groupsOf({ spec }: Service, pods: readonly Pod[]): Group[] {
  const groups = new Map<string, Group>();
  for (const pod of [...pods].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))) {
    if (isOver(pod) || !pod.status?.podIP) continue;
    const ports = (spec.ports ?? []).flatMap((port): EndpointPort[] => {
      const number =
        typeof port.targetPort === "string"
          ? namedPort(pod, port.targetPort, port.protocol)
          : (port.targetPort ?? port.port);
      const { name = "", protocol = "TCP", appProtocol } = port;
      return number === undefined
        ? []
        : [{ name, protocol, port: number, ...(appProtocol && { appProtocol }) }];
    });
    if (ports.length === 0 && (spec.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, pods: [] };
    group.pods.push(pod);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function namedPort({ spec }: Pod, name: string, protocol = "TCP"): number | undefined {
  for (const { ports = [] } of spec.containers) {
    for (const port of ports)
      if (port.name === name && (port.protocol ?? "TCP") === protocol) return port.containerPort;
  }
  return undefined;
}

/** What a Service's EndpointSlices should be, without names. Pure. */
export function slicesOf(service: Service, pods: readonly Pod[]): EndpointSlice[] {
  const { metadata, spec } = service;
  const base = {
    apiVersion: "discovery.k8s.io/v1" as const,
    kind: "EndpointSlice" as const,
    metadata: {
      name: "",
      generateName: `${metadata.name}-`,
      namespace: metadata.namespace ?? "",
      labels: {
        ...metadata.labels,
        ...{ [serviceLabel]: metadata.name, [managedBy]: manager },
        ...(spec.clusterIP === "None" && { [headlessLabel]: "" }),
      },
      ownerReferences: [controllerReference(service)] as OwnerReference[],
    },
    addressType: "IPv4" as const,
  };
  const groups = groupsOf(service, pods);
  // A Service without Pods has one slice, so that who watches can tell it from one that is not known yet.
  if (groups.length === 0) return [{ ...base, endpoints: [], ports: [] }];
  return groups.flatMap(({ ports, pods: members }) =>
    chunks(members, sliceMax).map((chunk) => ({
      ...structuredClone(base),
      endpoints: chunk.map((pod) => endpointOf(pod, spec.publishNotReadyAddresses === true)),
      ports: [...ports],
    })),
  );
}

function endpointOf(pod: Pod, always: boolean): Endpoint {
  const { metadata, spec, status } = pod;
  const { name, namespace = "", uid = "" } = metadata;
  const serving = isReady(pod);
  return {
    addresses: [status?.podIP ?? ""],
    conditions: { ready: always || (serving && !isGoing(pod)), serving, terminating: isGoing(pod) },
    targetRef: { kind: "Pod", namespace, name, uid },
    ...(spec.nodeName && { nodeName: spec.nodeName }),
    ...(spec.hostname && spec.subdomain && { hostname: spec.hostname }),
  };
}

/** The same in the older form. Pure. */
export function endpointsOf({ metadata, spec }: Service, pods: readonly Pod[]): Endpoints {
  const all = spec.publishNotReadyAddresses === true;
  let left = endpointsMax;
  const subsets = groupsOf({ metadata, spec } as Service, pods).flatMap(
    ({ ports, pods: members }): EndpointSubset[] => {
      const taken = members.filter((pod) => !isGoing(pod)).slice(0, left);
      left -= taken.length;
      const [ready, others] = [
        taken.filter((pod) => all || isReady(pod)),
        taken.filter((pod) => !all && !isReady(pod)),
      ];
      if (taken.length === 0) return [];
      return [
        {
          ...(ready.length > 0 && { addresses: ready.map(addressOf) }),
          ...(others.length > 0 && { notReadyAddresses: others.map(addressOf) }),
          ...(ports.length > 0 && {
            ports: ports.map(({ name, port = 0, protocol = "TCP", appProtocol }) => ({
              ...(name && { name }),
              ...{ port, protocol },
              ...(appProtocol && { appProtocol }),
            })),
          }),
        },
      ];
    },
  );
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? "",
      labels: {
        ...metadata.labels,
        [endpointsManagedBy]: "endpoint-controller",
        ...(spec.clusterIP === "None" && { [headlessLabel]: "" }),
      },
      ...(left === 0 && { annotations: { "endpoints.kubernetes.io/over-capacity": "truncated" } }),
    },
    ...(subsets.length > 0 && { subsets }),
  };
}

function addressOf({ metadata, spec, status }: Pod): NonNullable<EndpointSubset["addresses"]>[number] {
  const { name, namespace = "", uid = "" } = metadata;
  return {
    ip: status?.podIP ?? "",
    ...(spec.hostname && spec.subdomain && { hostname: spec.hostname }),
    ...(spec.nodeName && { nodeName: spec.nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}
