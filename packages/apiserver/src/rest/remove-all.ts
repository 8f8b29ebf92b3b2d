/** Deletes all that a query selects: what was there when it was asked. */
import type { KubeObject } from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";
import type { DeleteQuery } from "./delete-plan.ts";
import type { KindName } from "./kind-names.ts";
import type { ListPiece, ListQuery } from "./listing.ts";
import type { ObjectRegistry } from "./object-registry.ts";

export interface RemoveAllQuery extends ListQuery {
  /** Fires when nobody waits for it any more: what has not begun is left then. */
  readonly gone?: AbortSignal;
  /** Hears what each was before, as soon as it goes, and which of the list it was. */
  readonly removed?: (object: KubeObject, index: number) => void;
}

/** Of the list of what was to go. */
export type RemovedList = Omit<ListPiece, "items">;

/** They go to the disk together; others' writes find room between. */
const atOnce = 16;

export async function removeAll(
  objects: Pick<ObjectRegistry, "listPieces" | "remove">,
  kind: KindName,
  { gone, removed, ...query }: RemoveAllQuery,
  options: DeleteQuery = {},
): Promise<RemovedList> {
  // Only their keys are in memory at once, and the log may forget the revision meanwhile: they change it themselves.
  const keys: string[] = [];
  let list: RemovedList = { revision: 0, end: undefined };
  for await (const { items, ...rest } of objects.listPieces(kind, query)) {
    list = rest;
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
        const { found } = await objects.remove(kind, name, kind.namespaced ? namespace : undefined, options);
        removed?.(found, index);
      } catch (error) {
        // Somebody else was faster.
        if (!(error instanceof StatusError) || error.reason !== "NotFound") failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
  if (gone?.aborted) throw timedOut();
  return list;
}

function timedOut(): StatusError {
  return new StatusError(504, "Timeout", "Timeout: request did not complete within the allotted timeout", {});
}
