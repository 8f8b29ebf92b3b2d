/** The scale subresource: one kind of object for whatever has copies. Pure. */
import {
  formatRequirements,
  humanDuration,
  type KindDefinition,
  type KubeObject,
  type LabelSelector,
  objectMetaMessage,
  type ProtobufMessage,
  requirementsOf,
} from "@selvedge/apimachinery";
import { between, type Instant, instant } from "@selvedge/base";
import { decodeFault } from "./decode-fault.ts";
import { type FieldRules, pruneObject, unreadable } from "./field-validation.ts";
import { assignMembers, cloneObject } from "./lazy-object.ts";
import { applyPatch, type PatchKind } from "./patching.ts";
import { badRequest, checkUid, conflict, invalid } from "./refusals.ts";

export const scaleMessage: ProtobufMessage = {
  1: { name: "metadata", type: "message", message: objectMetaMessage },
  2: { name: "spec", type: "message", message: { 1: { name: "replicas", type: "int32", needed: true } } },
  3: {
    name: "status",
    type: "message",
    message: {
      1: { name: "replicas", type: "int32", needed: true },
      2: { name: "selector", type: "string" },
    },
  },
};

const replicas = { type: "integer", format: "int32" } as const;

interface Copies {
  readonly replicas: number;
}

export const scaleDefinition: KindDefinition = {
  ...{ group: "autoscaling", version: "v1", kind: "Scale", plural: "scales", singular: "scale" },
  ...{ namespaced: true, protobuf: scaleMessage },
  columns: [
    { name: "Name", type: "string", value: ({ metadata }) => metadata.name },
    { name: "Desired", type: "integer", value: ({ spec }) => (spec as Copies).replicas },
    { name: "Available", type: "integer", value: ({ status }) => (status as Copies).replicas },
    { name: "Age", type: "string", value: ageOf },
  ],
  schema: {
    type: "object",
    properties: {
      spec: { type: "object", properties: { replicas } },
      status: { type: "object", properties: { replicas, selector: { type: "string" } } },
    },
  },
};

function ageOf({ metadata }: KubeObject, now: Instant): string {
  const made = Date.parse(metadata.creationTimestamp ?? "");
  return Number.isNaN(made) ? "<unknown>" : humanDuration(between(instant(made), now));
}

/** A scale as it was sent, held to the rules for what is sent. */
export function settledScale(sent: Readonly<Record<string, unknown>>, rules: FieldRules): KubeObject {
  const metadata = (sent["metadata"] ?? {}) as KubeObject["metadata"];
  const said = { apiVersion: "autoscaling/v1", kind: "Scale", metadata };
  const scale = assignMembers({} as KubeObject, sent, said);
  pruneObject(scaleDefinition, scale, rules);
  const fault = decodeFault(scaleDefinition, scale);
  if (fault !== undefined) throw unreadable(scaleDefinition, rules, fault);
  return scale;
}

/** What a patch makes of the scale of an object. */
export function patchedScale(
  kind: KindDefinition,
  scale: KubeObject,
  patch: { readonly type: PatchKind; readonly value: unknown },
  rules: FieldRules,
): KubeObject {
  const { type, value } = patch;
  if (type === "apply") return settledScale(value as Record<string, unknown>, rules);
  // Of users' kinds patches are limited here too.
  const ofKind = kind.custom === true ? { ...scaleDefinition, custom: true } : scaleDefinition;
  return settledScale(applyPatch(ofKind, scale, type, value), { ...rules, patch });
}

export function scaleOf(kind: KindDefinition, object: KubeObject): KubeObject {
  const paths = kind.subresources?.scale;
  if (paths === undefined) throw badRequest(`${kind.plural} have no scale`);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector =
    paths.selector === undefined ? undefined : selectorText(kind, valueAt(object, paths.selector));
  const { specReplicas, statusReplicas } = paths;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(uid && { uid }),
      ...(resourceVersion && { resourceVersion }),
      ...(creationTimestamp && { creationTimestamp }),
    },
    spec: { replicas: Number(valueAt(object, specReplicas) ?? 0) },
    status: { replicas: Number(valueAt(object, statusReplicas) ?? 0), ...(selector && { selector }) },
  };
}

/** The object with as many copies as the scale says. */
export function withScale(kind: KindDefinition, object: KubeObject, scale: KubeObject): KubeObject {
  const { name } = object.metadata;
  const { resourceVersion } = scale.metadata;
  checkUid(kind, { ...scale, metadata: { ...scale.metadata, name } }, object.metadata.uid);
  if (scale.metadata.name && scale.metadata.name !== name) {
    throw badRequest(
      `the name of the object (${scale.metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) throw conflict(kind, name);
  const replicas = (scale["spec"] as { replicas?: unknown } | undefined)?.replicas ?? 0;
  // Of a user's kind it is the object that must fit, which is said of the object.
  if (!Number.isSafeInteger(replicas) || ((replicas as number) < 0 && !kind.custom)) {
    const detail = "must be greater than or equal to 0";
    const error = { type: "FieldValueInvalid", field: "spec.replicas", value: replicas, detail } as const;
    throw invalid({ group: "autoscaling", kind: "Scale" }, name, [error]);
  }
  const scaled = cloneObject(object);
  const steps = stepsOf(kind.subresources?.scale?.specReplicas ?? "spec.replicas");
  let holder = scaled as Record<string, unknown>;
  for (const step of steps.slice(0, -1)) {
    holder[step] ??= {};
    holder = holder[step] as Record<string, unknown>;
  }
  holder[steps.at(-1) ?? "replicas"] = replicas;
  return scaled;
}

function stepsOf(path: string): string[] {
  return path.replace(/^\./, "").split(".");
}

function valueAt(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const step of stepsOf(path)) value = (value as Record<string, unknown> | undefined)?.[step];
  return value;
}

function selectorText({ group }: KindDefinition, selector: unknown): string {
  if (typeof selector === "string") return selector;
  // Core kinds are older than selectors of more than labels.
  const labels = (group === "" ? { matchLabels: selector } : selector) ?? undefined;
  return formatRequirements(requirementsOf(labels as LabelSelector | undefined) ?? []);
}
