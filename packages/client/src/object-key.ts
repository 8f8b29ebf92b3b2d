import type { KubeObject } from "@selvedge/apimachinery";

/** `namespace/name`, or `name` of what has no namespace: unique within a kind. */
export type ObjectKey = string;

export function keyOf({ metadata }: KubeObject): ObjectKey {
  return objectKey(metadata.name, metadata.namespace);
}

export function objectKey(name: string, namespace?: string): ObjectKey {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

export function splitKey(key: ObjectKey): { readonly name: string; readonly namespace: string | undefined } {
  const slash = key.indexOf("/");
  if (slash < 0) return { name: key, namespace: undefined };
  return { name: key.slice(slash + 1), namespace: key.slice(0, slash) };
}

/** Whether revision `left` comes after `right`. Revisions are positions in one log, written as whole numbers. */
export function isNewer(left: string | undefined, right: string | undefined): boolean {
  return revisionOf(left) > revisionOf(right);
}

function revisionOf(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}
