/** Deletes all that a query selects: what was there when it was asked. */
import type { KubeObject } from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";
import type { DeleteQuery } from "./delete-plan.ts";
import type { KindName } from "./kind-names.ts";
import type { ListQuery } from "./listing.ts";
import type { ObjectRegistry } from "./object-registry.ts";

export interface RemoveAllQuery extends ListQuery {
  /** Fires when nobody waits for it any more: what has not begun is left then. */
  readonly gone?: AbortSignal;
  /** Hears what each was, as soon as it goes, and which of the list it was. */
  readonly removed?: (object: KubeObject, index: number) => void;
}

/** They go to the disk together; others' writes find room between. */
const atOnce = 16;

export async function removeAll(
  objects: Pick<ObjectRegistry, "listPieces" | "remove">,
  kind: KindName,
  { gone, removed, ...query }: RemoveAllQuery,
  options: DeleteQuery = {},
): Promise<void> {
  // Only their keys are in memory at once, and the log may forget the revision meanwhile: they change it themselves.
  const keys: string[] = [];
  for await (const { items } of objects.listPieces(kind, query)) {
    if (gone?.aborted) throw timedOut();
    for (const { key } of items) keys.push(key);
  }
  const left = keys.entries();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, key] of left) {
      if (failures.length > 0 || gone?.aborted) return;
      const [name = "", namespace] = key.split("/").reverse();
      try {
        const { object } = await objects.remove(kind, name, kind.namespaced ? namespace : undefined, options);
        removed?.(object, index);
      } catch (error) {
        // Somebody else was faster.
        if (!(error instanceof StatusError) || error.reason !== "NotFound") failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
  if (gone?.aborted) throw timedOut();
}

function timedOut(): StatusError {
  return new StatusError(504, "Timeout", "Timeout: request did not complete within the allotted timeout", {});
}
