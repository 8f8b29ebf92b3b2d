import type { KubeList, KubeObject, Nano } from "@selvedge/apimachinery";
import type { KindRef, ListOptions, Objects } from "@selvedge/client";
import type { ResourceQuota } from "@selvedge/kinds";
import { amountText, countName, inScope, usageOf } from "./usage.ts";

/** Objects that are looked at in one go: some milliseconds. */
const pageSize = 250;

/** Counts all that a quota is about. */
export async function usedOf(
  quota: ResourceQuota,
  objects: Objects,
  kinds: readonly KindRef[],
): Promise<Record<string, string>> {
  const namespace = quota.metadata.namespace ?? "";
  const hard = Object.keys(quota.spec.hard ?? {});
  const used = new Map<string, Nano>(hard.map((name) => [name, 0n]));
  for (const kind of kindsOf(hard, kinds)) {
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: ListOptions = { namespace, limit: pageSize, ...(next !== "" && { continue: next }) };
      const { items, metadata }: KubeList<KubeObject> = await objects.list(kind, page);
      for (const object of items) {
        if (!inScope(quota, kind, object)) continue;
        for (const [name, amount] of Object.entries(usageOf(kind, object))) {
          const before = used.get(name);
          if (before !== undefined) used.set(name, before + amount);
        }
      }
      next = metadata.continue || undefined;
    }
  }
  return Object.fromEntries([...used].map(([name, amount]) => [name, amountText(name, amount)]));
}

/** The kinds that have a part in such amounts. */
function kindsOf(hard: readonly string[], kinds: readonly KindRef[]): KindRef[] {
  const wanted = new Set<string>();
  for (const name of hard) {
    if (name.startsWith("count/")) wanted.add(name);
    else if (name.startsWith("services")) wanted.add("count/services");
    else if (name.includes("storageclass.storage.k8s.io/") || name === "requests.storage") {
      wanted.add("count/persistentvolumeclaims");
    } else if (kinds.some(({ group, plural }) => group === "" && plural === name))
      wanted.add(`count/${name}`);
    else wanted.add("count/pods");
  }
  const seen = new Set<string>();
  return kinds.filter((kind) => {
    const name = countName(kind);
    return wanted.has(name) && !seen.has(name) && seen.add(name);
  });
}
