/** What a status counts: never less than none, and no part more than the whole. */
import type { FieldError, KubeObject } from "@selvedge/apimachinery";
import { Faults } from "./faults.ts";

interface CountRules {
  readonly counts: readonly string[];
  /** At most as many as `replicas`. */
  readonly parts?: readonly string[];
  /** What upstream calls the replicas that are ready, of which those that are available are some. */
  readonly ready?: string;
}

const collisions = "collisionCount";

export function countRules({
  counts,
  parts = [],
  ready,
}: CountRules): (object: KubeObject, old: KubeObject) => FieldError[] {
  return (object, old) => {
    const faults = new Faults();
    const count = (name: string): number => countsOf(object)[name] ?? 0;
    for (const name of counts) faults.atLeastZero(`status.${name}`, count(name));
    for (const name of parts) {
      if (count(name) > count("replicas"))
        faults.invalid(`status.${name}`, count(name), "cannot be greater than status.replicas");
    }
    const available = count("availableReplicas");
    if (ready !== undefined && available > count("readyReplicas"))
      faults.invalid("status.availableReplicas", available, `cannot be greater than ${ready}`);
    const before = countsOf(old)[collisions] ?? undefined;
    if (before !== undefined && count(collisions) < before)
      faults.invalid(`status.${collisions}`, count(collisions), "cannot be decremented");
    return faults.errors;
  };
}

function countsOf(object: KubeObject): Readonly<Record<string, number | null | undefined>> {
  return (object["status"] ?? {}) as Record<string, number>;
}
