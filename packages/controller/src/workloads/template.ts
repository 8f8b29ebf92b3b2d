import { createHash } from "node:crypto";
import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import { canonicalJson, cloneJson, jsonEqual } from "@selvedge/base";
import type { Pod, PodTemplateSpec } from "@selvedge/kinds";

export const podTemplateHashLabel = "pod-template-hash";

/** Letters without vowels, as upstream: a hash that is part of a name should not spell anything. */
const letters = "bcdfghjklmnpqrstvwxz2456789";
const hashLength = 10;

/** A short name for a template. A collision, told by the count, makes it another one. */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  const digest = createHash("sha256")
    .update(`${canonicalJson(template)}/${collisions}`)
    .digest();
  return [...digest.subarray(0, hashLength)].map((byte) => letters[byte % letters.length]).join("");
}

/** Whether two templates make the same Pods; the label that names the template itself does not count. */
export function sameTemplate(left: PodTemplateSpec | undefined, right: PodTemplateSpec | undefined): boolean {
  return left !== undefined && right !== undefined && jsonEqual(withoutHash(left), withoutHash(right));
}

function withoutHash(template: PodTemplateSpec): unknown {
  const { labels = {}, annotations = {}, ...metadata } = template.metadata ?? {};
  const { [podTemplateHashLabel]: _hash, ...own } = labels;
  const { creationTimestamp: _made, ...rest } = metadata;
  return { ...template, metadata: { ...rest, labels: own, annotations } };
}

/** A Pod as its owner's template says, still without a name: the server adds five letters. */
export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec): Pod {
  const { labels = {}, annotations = {}, finalizers } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "",
      generateName: `${owner.metadata.name.slice(0, generateNameMax)}-`,
      namespace: owner.metadata.namespace ?? "",
      labels: { ...labels },
      annotations: { ...annotations },
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: cloneJson(template.spec),
  };
}

/** A name of 63 characters must have room for the dash and the five letters. */
const generateNameMax = 57;

export function controllerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name, uid = "" } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
