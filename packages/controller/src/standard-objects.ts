/** Objects that every Kubernetes client takes for granted. */

import type { KubeObject } from "@selvedge/apimachinery";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import {
  defaultClassAnnotation,
  localClass,
  localProvisioner,
  namespaceKind,
  type PriorityClass,
  priorityClassKind,
  type RuntimeClass,
  runtimeClassKind,
  type ServiceCidr,
  type StorageClass,
  serviceCidrKind,
  storageClassKind,
  systemClasses,
} from "@selvedge/kinds";
import { defaultServiceRange, type ServiceRange } from "./endpoints/service-range.ts";
import { ensureCondition } from "./first-condition.ts";
import { ensureFlowObjects } from "./flow-objects.ts";

const namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

const nodeLocal: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: localClass, annotations: { [defaultClassAnnotation]: "true" } },
  provisioner: localProvisioner,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
  allowVolumeExpansion: false,
};

/** How Pods run that do not say. */
const microvm: RuntimeClass = {
  apiVersion: "node.k8s.io/v1",
  kind: "RuntimeClass",
  metadata: { name: "microvm" },
  handler: "microvm",
};

/** What addresses of Services are of. */
export function ownServiceCidr({ cidr }: ServiceRange): ServiceCidr {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" } },
    spec: { cidrs: [cidr] },
  };
}

const descriptions: Readonly<Record<string, string>> = {
  "system-cluster-critical": "What the whole fleet cannot do without.",
  "system-node-critical": "What its node cannot do without.",
};

/** What is there already stays as somebody has made it. */
export async function ensureStandardObjects(
  objects: Objects,
  range: ServiceRange = defaultServiceRange,
): Promise<void> {
  for (const name of namespaces) {
    await ensure(objects, namespaceKind, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  await ensure(objects, storageClassKind, nodeLocal);
  await ensure(objects, runtimeClassKind, microvm);
  for (const [name, value] of Object.entries(systemClasses)) {
    const preemptionPolicy = "PreemptLowerPriority";
    const made: PriorityClass = {
      ...{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name } },
      ...{ value, preemptionPolicy, description: descriptions[name] ?? "" },
    };
    await ensure(objects, priorityClassKind, made);
  }
  await ensureFlowObjects(objects);
  await ensureServiceCidr(objects, ownServiceCidr(range));
}

async function ensureServiceCidr(objects: Objects, own: ServiceCidr): Promise<void> {
  await ensure(objects, serviceCidrKind, own);
  const message = "Kubernetes Service CIDR is ready";
  const ready = { type: "Ready", status: "True", reason: "", message } as const;
  await ensureCondition(objects, serviceCidrKind, own.metadata.name, ready);
}

async function ensure(objects: Objects, kind: KindRef, object: KubeObject): Promise<void> {
  await objects.create(kind, object).catch((error: unknown) => {
    if (!isReason(error, "AlreadyExists")) throw error;
  });
}
