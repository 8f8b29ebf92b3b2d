import type { KubeObject } from "@selvedge/apimachinery";

/** `namespace/name`, or `name` of what has no namespace: unique within a kind. */
export type ObjectKey = string;

export function keyOf({ metadata }: KubeObject): ObjectKey {
  return objectKey(metadata.name, metadata.namespace);
}

export function objectKey(name: string, namespace?: string): ObjectKey {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The two halves of a key; the namespace is empty where there is none. */
export function splitKey(key: ObjectKey): { readonly name: string; readonly namespace: string } {
  const slash = key.indexOf("/");
  return { name: key.slice(slash + 1), namespace: key.slice(0, Math.max(slash, 0)) };
}

/**
 * Whether revision `left` comes after `right`; none comes before all. Revisions are positions in one log,
 * written as whole numbers: the longer one is the greater. They may be larger than a number can hold.
 */
export function isNewer(left: string | undefined = "", right: string | undefined = ""): boolean {
  return left.length === right.length ? left > right : left.length > right.length;
}
