/** Objects that every Kubernetes client takes for granted. */

import type { KubeObject } from "@selvedge/apimachinery";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import {
  defaultClassAnnotation,
  localClass,
  localProvisioner,
  namespaceKind,
  type StorageClass,
  storageClassKind,
} from "@selvedge/kinds";

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

/** What is there already stays as somebody has made it. */
export async function ensureStandardObjects(objects: Objects): Promise<void> {
  for (const name of namespaces) {
    await ensure(objects, namespaceKind, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  await ensure(objects, storageClassKind, nodeLocal);
}

async function ensure(objects: Objects, kind: KindRef, object: KubeObject): Promise<void> {
  await objects.create(kind, object).catch((error: unknown) => {
    if (!isReason(error, "AlreadyExists")) throw error;
  });
}
