/** The object that is written, before webhooks see it and after they have changed it. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import type { AdmissionRequest } from "../../admission.ts";
import { pruneObject } from "../../rest/field-validation.ts";
import { apiVersionOf } from "../../rest/kind-names.ts";
import { withScale } from "../../rest/scale.ts";
import { fillDefaults } from "../../rest/write-plan.ts";
import { StatusError } from "../../status-error.ts";
import { versionOf } from "../request-value.ts";
import { internalError } from "./review.ts";

/** They see what the kind knows; what the client has said besides is told to the client, not to them. */
export function settleSent({ kind, object, old, asked = {} }: AdmissionRequest): void {
  if (isOfKind(kind, object)) pruneObject(kind, object, asked, old);
}

/** What is posted to a part of an object is none of its kind. */
function isOfKind(kind: KindDefinition, object: KubeObject | undefined): object is KubeObject {
  return object?.kind === kind.kind && object.apiVersion === apiVersionOf(kind);
}

/** What they add is held to the kind without a word, and gets its defaults. */
export function settleChanged({ kind, object, old }: AdmissionRequest): void {
  if (!isOfKind(kind, object)) return;
  try {
    pruneObject(kind, object, {}, old);
    fillDefaults(kind, object, old);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw internalError(error.message, error);
  }
}

/** Makes the object what a webhook has made of what it was shown. */
export async function putShown(
  request: AdmissionRequest,
  matched: KindDefinition,
  patched: unknown,
): Promise<void> {
  const { object, kind, subresource } = request;
  if (object === undefined) return;
  const shown = patched as KubeObject | null;
  if (typeof shown?.metadata !== "object" || shown.metadata === null)
    throw internalError("the patch leaves no object");
  const next =
    subresource === "scale" ? withScale(kind, object, shown) : await versionOf(kind, matched, shown);
  for (const key of Object.keys(object)) delete object[key];
  Object.assign(object, next);
}
