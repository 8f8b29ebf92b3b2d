/** What a webhook's patch makes of the object that is written: the same on the loop and in a thread. */
import {
  type JsonPatchOperation,
  jsonPatch,
  type KindDefinition,
  type KubeObject,
  PatchError,
  readAs,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { apiVersionOf } from "../../rest/kind-names.ts";
import { withScale } from "../../rest/scale.ts";
import { versionOf } from "../../rest/shown-as.ts";
import { holdToKind } from "../../rest/write-plan.ts";
import { StatusError } from "../../status-error.ts";
import { HookError, internalError } from "./hook-error.ts";

/** A write, and what the webhook was shown of it. */
export interface Patched {
  readonly kind: KindDefinition;
  readonly subresource: string | undefined;
  readonly old: KubeObject | undefined;
  readonly object: KubeObject;
  /** The kind as which it was shown. */
  readonly matched: KindDefinition;
  readonly shown: KubeObject;
  /** As the webhook has sent it. */
  readonly patch: string;
}

/** The object that the patch leaves, held to its kind; undefined: nothing is another now. */
export async function patchedObject({
  kind,
  matched,
  subresource,
  object,
  old,
  shown,
  patch,
}: Patched): Promise<KubeObject | undefined> {
  const operations = operationsIn(patch, kind);
  if (operations.length === 0) return undefined;
  const patched = applied(shown, operations);
  if (jsonEqual(patched, shown)) return undefined;
  if (typeof patched?.metadata !== "object" || patched.metadata === null)
    throw internalError("the patch leaves no object");
  const isScale = subresource === "scale";
  const next = isScale ? withScale(kind, object, patched) : await versionOf(kind, matched, patched);
  // What is posted to a part of an object is none of its kind.
  if (next.kind !== kind.kind || next.apiVersion !== apiVersionOf(kind)) return next;
  try {
    // What they add is held to the kind without a word.
    holdToKind(kind, next, old, {});
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw internalError(error.message, error);
  }
  return next;
}

function applied(shown: KubeObject, operations: readonly JsonPatchOperation[]): KubeObject | null {
  try {
    return jsonPatch(shown, operations) as KubeObject | null;
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    throw internalError(error.message, error);
  }
}

/** Of a patch as it was sent. */
export function operationsIn(
  patch: string,
  kind: Pick<KindDefinition, "keepsIntegers">,
): readonly JsonPatchOperation[] {
  let operations: unknown;
  try {
    operations = readAs(kind, Buffer.from(patch, "base64").toString());
  } catch (error) {
    throw undecodable(error instanceof Error ? error.message : String(error));
  }
  if (operations === null) return [];
  if (!Array.isArray(operations)) throw undecodable("a JSON patch is a list of operations");
  return operations as JsonPatchOperation[];
}

function undecodable(why: string): HookError {
  return new HookError(`received undecodable patch in webhook response: ${why}`);
}
