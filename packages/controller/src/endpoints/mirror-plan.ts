/** EndpointSlices of what somebody wrote as Endpoints. Pure. */
import type { OwnerReference } from "@selvedge/apimachinery";
import type { Endpoint, EndpointSlice, EndpointSubset, Endpoints, Service } from "@selvedge/kinds";
import { controllerReference } from "../workloads/template.ts";
import { managedBy, selects, serviceLabel } from "./endpoints-plan.ts";

export const mirrorManager = "endpointslicemirroring-controller.k8s.io";
const skipMirror = "endpointslice.kubernetes.io/skip-mirror";
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
/** Elections of old clients are kept in such an annotation; nobody is reached there. */
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
/** As upstream: addresses of one subset, and of one slice. */
const subsetMax = 1000;
const sliceMax = 100;

/** Those of Services that find Pods are made of the Pods. */
export function isMirrored(
  service: Service | undefined,
  endpoints: Endpoints | undefined,
): endpoints is Endpoints {
  if (service === undefined || endpoints === undefined || selects(service)) return false;
  const { labels = {}, annotations = {}, deletionTimestamp } = endpoints.metadata;
  if (labels[skipMirror] === "true") return false;
  return annotations[leaderAnnotation] === undefined && deletionTimestamp === undefined;
}

export function mirrorOf(endpoints: Endpoints): EndpointSlice[] {
  const { metadata, subsets = [] } = endpoints;
  const { [lastApplied]: _, ...annotations } = metadata.annotations ?? {};
  return subsets.flatMap((subset) =>
    (["IPv4", "IPv6"] as const).flatMap((addressType) =>
      chunks(placesOf(subset, addressType)).map(
        (places): EndpointSlice => ({
          ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType },
          metadata: {
            ...{ name: "", generateName: `${metadata.name}-`, namespace: metadata.namespace ?? "" },
            labels: {
              ...metadata.labels,
              ...{ [serviceLabel]: metadata.name, [managedBy]: mirrorManager },
            },
            ...(Object.keys(annotations).length > 0 && { annotations }),
            ownerReferences: [controllerReference(endpoints)] as OwnerReference[],
          },
          endpoints: places,
          ports: (subset.ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
            ...{ name, port, protocol },
            ...(appProtocol && { appProtocol }),
          })),
        }),
      ),
    ),
  );
}

function placesOf(subset: EndpointSubset, addressType: "IPv4" | "IPv6"): Endpoint[] {
  const all = [
    ...(subset.addresses ?? []).map((address) => ({ address, ready: true })),
    ...(subset.notReadyAddresses ?? []).map((address) => ({ address, ready: false })),
  ];
  return all.slice(0, subsetMax).flatMap(({ address, ready }): Endpoint[] => {
    const { ip, hostname, nodeName, targetRef } = address;
    if (ip.includes(":") !== (addressType === "IPv6")) return [];
    return [
      {
        addresses: [ip],
        conditions: { ready },
        ...(hostname && { hostname }),
        ...(nodeName && { nodeName }),
        ...(targetRef && { targetRef }),
      },
    ];
  });
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / sliceMax) }, (_, at) =>
    items.slice(at * sliceMax, (at + 1) * sliceMax),
  );
}
