/** The question that a conversion webhook is asked, and what its answer must be like. Pure. */
import {
  fieldErrorText,
  type KindDefinition,
  type KubeObject,
  type ObjectMeta,
  validateObjectMeta,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";

const group = "apiextensions.k8s.io";

/** It has not done what it was asked to; the message is for whoever asked for the objects. */
export class ConversionError extends Error {
  override name = "ConversionError";
}

export function conversionReview(
  versions: readonly string[],
  uid: string,
  objects: readonly KubeObject[],
  desiredAPIVersion: string,
): { readonly apiVersion: string; readonly kind: string; readonly request: object } {
  const version = versions.find((one) => one === "v1" || one === "v1beta1");
  if (version === undefined) throw new ConversionError("no supported conversion review versions");
  const request = { uid, desiredAPIVersion, objects };
  return { kind: "ConversionReview", apiVersion: `${group}/${version}`, request };
}

interface SaidReview {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly response?: {
    readonly uid?: unknown;
    readonly result?: { readonly status?: unknown; readonly message?: unknown };
    readonly convertedObjects?: unknown;
  };
}

/** The objects in an answer. A v1beta1 one need not say whom it answers. */
export function convertedIn(answer: unknown, apiVersion: string, uid: string): readonly unknown[] {
  const said = (typeof answer === "object" && answer !== null ? answer : {}) as SaidReview;
  const isV1 = apiVersion.endsWith("/v1");
  const given = `${said.apiVersion ?? ""}, Kind=${said.kind ?? ""}`;
  if (isV1 && given !== `${apiVersion}, Kind=ConversionReview`)
    throw new ConversionError(
      `expected webhook response of ${apiVersion}, Kind=ConversionReview, got ${given}`,
    );
  const { response } = said;
  if (typeof response !== "object" || response === null) throw new ConversionError("no response provided");
  if (isV1 && response.uid !== uid)
    throw new ConversionError(`expected response.uid="${uid}", got "${response.uid ?? ""}"`);
  const { status = "", message } = response.result ?? {};
  if (status !== "Success") {
    throw new ConversionError(
      typeof message === "string" && message !== ""
        ? message
        : `response.result.status was '${status}', not 'Success'`,
    );
  }
  return Array.isArray(response.convertedObjects) ? response.convertedObjects : [];
}

/**
 * An object as it was converted, with the metadata that it had: labels and annotations alone may be others. Throws a
 * ConversionError that says what is wrong.
 */
export function acceptedObject(original: KubeObject, converted: unknown, apiVersion: string): KubeObject {
  const object = converted as KubeObject;
  if (typeof converted !== "object" || converted === null || Array.isArray(converted))
    throw new ConversionError("invalid type: no object");
  if (object.apiVersion !== apiVersion) {
    const versions = `(expected ${apiVersion}, received ${object.apiVersion ?? ""})`;
    throw new ConversionError(`invalid groupVersion ${versions}`);
  }
  if (object.kind !== original.kind)
    throw new ConversionError(`invalid kind (expected ${original.kind}, received ${object.kind ?? ""})`);
  const { metadata } = object;
  if (metadata === undefined) throw new ConversionError("missing metadata in converted object");
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw new ConversionError("invalid metadata in converted object");
  for (const [field, what] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    const [was, is] = [original.metadata[field] ?? "", metadata[field] ?? ""];
    if (was !== is) throw new ConversionError(`must have the same ${what}: ${was} != ${is}`);
  }
  return { ...object, metadata: restoredMeta(original, metadata) };
}

function restoredMeta({ metadata: original }: KubeObject, converted: ObjectMeta): ObjectMeta {
  const metadata = { ...original };
  for (const field of ["labels", "annotations"] as const) {
    const said: unknown = converted[field];
    delete metadata[field];
    if (said === undefined || said === null) continue;
    if (typeof said !== "object" || Array.isArray(said))
      throw new ConversionError(`invalid metadata.${field} of type ${typeof said} in converted object`);
    for (const [key, value] of Object.entries(said)) {
      if (typeof value === "string") continue;
      const what = `metadata.${field}[${key}] must be a string, but is ${typeof value}`;
      throw new ConversionError(`${what} in converted object`);
    }
    const texts = said as Record<string, string>;
    if (!jsonEqual(texts, original[field] ?? {})) checkTexts(field, texts);
    metadata[field] = texts;
  }
  return metadata;
}

function checkTexts(field: "labels" | "annotations", texts: Record<string, string>): void {
  const object = { apiVersion: "v1", kind: "Any", metadata: { name: "any", [field]: texts } };
  const kind = { namespaced: false } as KindDefinition;
  const [first] = validateObjectMeta(kind, object as KubeObject, undefined).filter(({ field: at }) =>
    at.startsWith(`metadata.${field}`),
  );
  if (first !== undefined) throw new ConversionError(fieldErrorText(first));
}
