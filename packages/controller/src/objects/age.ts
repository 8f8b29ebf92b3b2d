import type { KubeObject } from "@selvedge/apimachinery";

/** By this the older of two objects comes first, and the same one after every restart. */
export function ageOf({ metadata }: KubeObject): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.uid ?? ""}`;
}
