import { createHash } from "node:crypto";
import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";
import { cloneObject, holdingLazy, isLazy, isLong, isSame, jsonOf, withMembers } from "@selvedge/apiserver";
import { canonicalJson, jsonEqual } from "@selvedge/base";
import type { Pod, PodTemplateSpec } from "@selvedge/kinds";

export const podTemplateHashLabel = "pod-template-hash";

/** Letters without vowels, as upstream: a hash that is part of a name should not spell anything. */
const letters = "bcdfghjklmnpqrstvwxz2456789";
const hashLength = 10;

/**
 * A short name for a template. A collision, told by the count, makes it another one. To bring a long one's members in
 * order would take long: it is what its text says.
 */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  const named = isLong(template.spec) ? { ...template, spec: jsonOf(template.spec) } : template;
  const digest = createHash("sha256")
    .update(`${canonicalJson(named)}/${collisions}`)
    .digest();
  return [...digest.subarray(0, hashLength)].map((byte) => letters[byte % letters.length]).join("");
}

/** Whether two templates make the same Pods; the label that names the template itself does not count. */
export function sameTemplate(left: PodTemplateSpec | undefined, right: PodTemplateSpec | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  // Without what is long, which is told by its text.
  const rest = (template: PodTemplateSpec): unknown =>
    withoutHash(withMembers(template, { spec: { containers: [] } }));
  return sameJson(left.spec, right.spec) && jsonEqual(rest(left), rest(right));
}

/** As jsonEqual, but what is long is not read where its texts tell. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (!isLazy(left) || !isLazy(right)) return jsonEqual(left, right);
  if (isSame(left, right)) return true;
  // In another order they would be as long, of the same letters.
  const [one, other] = [jsonOf(left), jsonOf(right)];
  return one.length === other.length && lettersIn(one) === lettersIn(other) && jsonEqual(left, right);
}

/** The same of every text of these letters, and of few others. */
function lettersIn(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (sum + text.charCodeAt(at) ** 3) | 0;
  return sum;
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
  return holdingLazy({
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
    spec: cloneObject(template.spec),
  });
}

/** A name of 63 characters must have room for the dash and the five letters. */
const generateNameMax = 57;

export function controllerReference({ apiVersion, kind, metadata }: KubeObject): OwnerReference {
  const { name, uid = "" } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
