/** The API as a Service: `kubernetes` in `default`, which clients and charts take for granted. */
import { isIPv4 } from "node:net";
import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import {
  type EndpointSlice,
  type Endpoints,
  endpointSliceKind,
  endpointsKind,
  type Service,
  serviceKind,
} from "@selvedge/kinds";
import type { Address } from "../address.ts";
import { serviceLabel } from "./endpoints-plan.ts";
import { addressAt, defaultServiceRange, type ServiceRange } from "./service-range.ts";

const name = "kubernetes";
const namespace = "default";
const httpsPort = 443;
/** Makes them, or makes them say where the API is now. Who has written anything else there is overruled. */
export async function ensureApiService(
  objects: Objects,
  at: Address,
  range: ServiceRange = defaultServiceRange,
): Promise<void> {
  const { service, endpoints, slice } = apiService(at, range);
  await ensure<Service>(objects, serviceKind, service, (stored) => {
    const same = jsonEqual(stored.spec.ports, service.spec.ports);
    stored.spec.ports = service.spec.ports ?? [];
    return !same;
  });
  await ensure<Endpoints>(objects, endpointsKind, endpoints, (stored) => {
    const same = jsonEqual(stored.subsets ?? [], endpoints.subsets ?? []);
    stored.subsets = endpoints.subsets ?? [];
    return !same;
  });
  await ensure<EndpointSlice>(objects, endpointSliceKind, slice, (stored) => {
    const same = jsonEqual([stored.endpoints ?? [], stored.ports ?? []], [slice.endpoints, slice.ports]);
    stored.endpoints = slice.endpoints ?? [];
    stored.ports = slice.ports ?? [];
    return !same;
  });
}

/** By which apps know the API: its certificate has them. */
export function apiNames(range: ServiceRange): string[] {
  const whole = `${name}.${namespace}.svc.cluster.local`.split(".");
  const names = [1, 2, 3, whole.length].map((length) => whole.slice(0, length).join("."));
  return [...names, addressAt(range, 1)];
}

function apiService(
  { host, port }: Address,
  range: ServiceRange = defaultServiceRange,
): {
  readonly service: Service;
  readonly endpoints: Endpoints;
  readonly slice: EndpointSlice;
} {
  // A name cannot be said, and what is this machine alone to us is another's own to them.
  const reachable = isIPv4(host) && !/^(127|0)\./.test(host);
  // The first of their addresses, as clients know it.
  const clusterIP = addressAt(range, 1);
  const https = { name: "https", protocol: "TCP" as const };
  const labels = { component: "apiserver", provider: name };
  return {
    service: {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace, labels } },
      spec: { type: "ClusterIP", clusterIP, ports: [{ ...https, port: httpsPort, targetPort: port }] },
    },
    endpoints: {
      ...{ apiVersion: "v1", kind: "Endpoints" },
      metadata: { name, namespace, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
      subsets: reachable ? [{ addresses: [{ ip: host }], ports: [{ ...https, port }] }] : [],
    },
    slice: {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
      metadata: { name, namespace, labels: { [serviceLabel]: name } },
      endpoints: reachable ? [{ addresses: [host], conditions: { ready: true } }] : [],
      ports: [{ ...https, port }],
    },
  };
}

/** `mend` says whether it changed what is stored. */
async function ensure<T extends KubeObject>(
  objects: Objects,
  kind: KindRef,
  wanted: T,
  mend: (stored: T) => boolean,
): Promise<void> {
  try {
    await objects.create(kind, wanted);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    const stored = structuredClone(await objects.get<T>(kind, name, namespace));
    if (mend(stored)) await objects.update(kind, stored);
  }
}
