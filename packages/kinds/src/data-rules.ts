/** What ConfigMaps and Secrets have in common. */
import type { KubeObject } from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import type { Faults } from "./faults.ts";

/** Upstream's limit for all values of one object. */
export const dataBytesMax: number = 1024 * 1024;

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** How many bytes a text in base64 stands for; undefined when it is none. */
export function base64Length(text: string): number | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

/** Of an object that says it never changes. */
export function checkUnchanged(
  faults: Faults,
  object: KubeObject,
  old: KubeObject,
  members: readonly string[],
): void {
  const detail = "field is immutable when `immutable` is set";
  if (object["immutable"] !== true) faults.forbidden("immutable", detail);
  for (const member of members) {
    if (!jsonEqual(object[member] ?? {}, old[member] ?? {})) faults.forbidden(member, detail);
  }
}
