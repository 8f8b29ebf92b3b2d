import type { KubeObject, OwnerReference } from "@selvedge/apimachinery";

/** How an owner that an object names is. `gone` must have been asked of the API server, not of a cache. */
export type OwnerState = "there" | "gone" | "leaving-in-foreground";

export type OwnerStep =
  | { readonly type: "nothing" }
  /** Its owners let go of it, then it may go itself. */
  | { readonly type: "orphan-dependents" }
  /** Its dependents go first. */
  | { readonly type: "remove-dependents"; readonly wait: boolean }
  | { readonly type: "drop-finalizer"; readonly finalizer: string }
  /** In a circle it first stops holding its owners, or each would wait for the next. */
  | { readonly type: "remove"; readonly policy: "Background" | "Foreground"; readonly unblock: boolean }
  /** Some of its owners are gone, others are not. */
  | { readonly type: "forget-owners"; readonly uids: readonly string[] };

const foreground = "foregroundDeletion";
const orphan = "orphan";

/** Decides what the deletion of owners means for one object. Pure. */
export function planOwned(
  object: KubeObject,
  owners: readonly (readonly [OwnerReference, OwnerState])[],
  dependents: readonly KubeObject[],
): OwnerStep {
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return planLeaving(object, dependents);
  if (owners.length === 0) return { type: "nothing" };
  const lost = owners.filter(([, state]) => state !== "there").map(([owner]) => owner.uid);
  if (lost.length === 0) return { type: "nothing" };
  if (lost.length < owners.length) return { type: "forget-owners", uids: lost };
  const waited = owners.some(([, state]) => state === "leaving-in-foreground");
  const foregroundly = waited && dependents.length > 0;
  const circle = foregroundly && dependents.some(isLeavingInForeground);
  return { type: "remove", policy: foregroundly ? "Foreground" : "Background", unblock: circle };
}

export function isLeavingInForeground({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(foreground);
}

function planLeaving({ metadata }: KubeObject, dependents: readonly KubeObject[]): OwnerStep {
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes(orphan)) {
    return dependents.length > 0
      ? { type: "orphan-dependents" }
      : { type: "drop-finalizer", finalizer: orphan };
  }
  if (!finalizers.includes(foreground)) return { type: "nothing" };
  const blocks = (dependent: KubeObject): boolean =>
    dependent.metadata.ownerReferences?.some(
      ({ uid, blockOwnerDeletion }) => uid === metadata.uid && blockOwnerDeletion === true,
    ) ?? false;
  if (!dependents.some(blocks)) return { type: "drop-finalizer", finalizer: foreground };
  return { type: "remove-dependents", wait: true };
}
