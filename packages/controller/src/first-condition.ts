import type { KubeObject } from "@selvedge/apimachinery";
import { isReason, type KindRef, type Objects } from "@selvedge/client";

interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/** Says in the status of an object how it stands, unless somebody has: replicas that start at once all would. */
export async function ensureCondition(
  objects: Pick<Objects, "get" | "updateStatus">,
  kind: KindRef,
  name: string,
  condition: Condition,
): Promise<void> {
  const kept = await objects.get<KubeObject & { status?: { conditions?: object[] } }>(kind, name);
  if (kept.status?.conditions?.length) return;
  const lastTransitionTime = kept.metadata.creationTimestamp ?? null;
  const status = { conditions: [{ ...condition, lastTransitionTime }] };
  await objects.updateStatus(kind, { ...kept, status }).catch((error: unknown) => {
    if (!isReason(error, "Conflict")) throw error;
  });
}
