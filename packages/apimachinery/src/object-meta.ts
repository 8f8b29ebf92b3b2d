/** What every object's metadata must be, with upstream's paths and words. */
import { jsonEqual } from "@selvedge/base";
import type { FieldError, KindDefinition } from "./kind-definition.ts";
import { dnsSubdomainFaults, labelValueFaults, qualifiedNameFaults } from "./names.ts";
import type { KubeObject, ObjectMeta, OwnerReference } from "./object.ts";

/** Keys and values of all annotations together. */
const annotationBytesMax = 256 * 1024;
const immutable = "field is immutable";

export function validateObjectMeta(
  kind: KindDefinition,
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  const meta = object.metadata;
  const errors = old === undefined ? nameErrors(kind, meta) : updateErrors(meta, old.metadata);
  errors.push(...generalErrors(meta));
  return errors;
}

function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, value, detail };
}

function nameErrors(kind: KindDefinition, { name, generateName }: ObjectMeta): FieldError[] {
  const faults = kind.nameFaults ?? dnsSubdomainFaults;
  const errors: FieldError[] = [];
  if (generateName) {
    // What is checked is a beginning: it may end with a dash.
    for (const fault of faults(generateName.replace(/-$/, "a"))) {
      errors.push(invalid("metadata.generateName", generateName, fault));
    }
  }
  if (!name) {
    const detail = "name or generateName is required";
    errors.push({ type: "FieldValueRequired", field: "metadata.name", detail });
  } else {
    for (const fault of faults(name)) errors.push(invalid("metadata.name", name, fault));
  }
  return errors;
}

function updateErrors(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["name", "namespace", "uid", "creationTimestamp"] as const) {
    if (meta[field] !== old[field]) errors.push(invalid(`metadata.${field}`, meta[field] ?? "", immutable));
  }
  if (old.deletionTimestamp) {
    const extra = (meta.finalizers ?? []).filter((one) => !old.finalizers?.includes(one)).sort();
    if (extra.length > 0) {
      const list = `[]string{${extra.map((one) => JSON.stringify(one)).join(", ")}}`;
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
      errors.push({ type: "FieldValueForbidden", field: "metadata.finalizers", detail });
    }
  }
  return errors;
}

function generalErrors(meta: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    for (const fault of qualifiedNameFaults(key)) errors.push(invalid("metadata.labels", key, fault));
    for (const fault of labelValueFaults(String(value)))
      errors.push(invalid("metadata.labels", value, fault));
  }
  let annotationBytes = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    for (const fault of qualifiedNameFaults(key.toLowerCase())) {
      errors.push(invalid("metadata.annotations", key, fault));
    }
    annotationBytes += key.length + String(value).length;
  }
  if (annotationBytes > annotationBytesMax) {
    const detail = `may not be more than ${annotationBytesMax} bytes`;
    errors.push({ type: "FieldValueTooLong", field: "metadata.annotations", detail });
  }
  for (const finalizer of meta.finalizers ?? []) {
    for (const fault of qualifiedNameFaults(finalizer)) {
      errors.push(invalid("metadata.finalizers", finalizer, fault));
    }
  }
  if (meta.finalizers?.includes("orphan") && meta.finalizers.includes("foregroundDeletion")) {
    const detail = "finalizer orphan and foregroundDeletion cannot be both set";
    errors.push(invalid("metadata.finalizers", meta.finalizers, detail));
  }
  errors.push(...ownerErrors(meta.ownerReferences ?? []));
  return errors;
}

function ownerErrors(references: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const reference of references) {
    for (const field of ["apiVersion", "kind", "name", "uid"] as const) {
      if (reference[field]) continue;
      const detail = field === "apiVersion" ? "version must not be empty" : "must not be empty";
      errors.push(invalid(`metadata.ownerReferences.${field}`, "", detail));
    }
    if (reference.apiVersion === "v1" && reference.kind === "Event") {
      const detail = "/v1, Kind=Event is disallowed from being an owner";
      errors.push(invalid("metadata.ownerReferences", reference, detail));
    }
  }
  const [first, second] = references.filter(({ controller }) => controller === true);
  if (first !== undefined && second !== undefined) {
    const both = `${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${both}`;
    errors.push(invalid("metadata.ownerReferences", references, detail));
  }
  return errors;
}

/**
 * The metadata's own shape, in place: what is no text where text must be is an error, what nobody knows goes.
 * Returns the paths of what went.
 */
export function pruneObjectMeta(object: KubeObject): {
  readonly unknown: string[];
  readonly errors: FieldError[];
} {
  const unknown: string[] = [];
  const errors: FieldError[] = [];
  const meta = object.metadata as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(meta)) {
    const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
    if (shape === undefined) {
      delete meta[key];
      unknown.push(`metadata.${key}`);
    } else if (value === null || value === undefined) delete meta[key];
    else if (!shape.fits(shape === texts ? withTexts(value) : value))
      errors.push(invalid(`metadata.${key}`, value, `must be ${shape.name}`));
  }
  omitEmptyMeta(object);
  return { unknown, errors };
}

/** Removes what counts as absent, in place. */
export function omitEmptyMeta(object: KubeObject): void {
  const meta = object.metadata as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(meta)) {
    if (Object.hasOwn(shapes, key) && jsonEqual(value, shapes[key]?.empty)) delete meta[key];
  }
}

/** A null among them is an empty text: charts that render nothing for a label leave one. */
function withTexts(value: unknown): unknown {
  const map = isMap(value) ? (value as Record<string, unknown>) : {};
  for (const key of Object.keys(map)) if (map[key] === null) map[key] = "";
  return value;
}

interface Shape {
  readonly name: string;
  readonly fits: (value: unknown) => boolean;
  /** Counts as absent, as Go's omitempty has it. */
  readonly empty: unknown;
}

const isText = (value: unknown): boolean => typeof value === "string";
const text: Shape = { name: "a string", fits: isText, empty: "" };
const number: Shape = { name: "an integer", fits: Number.isSafeInteger, empty: undefined };
const isMap = (value: unknown): value is object => typeof value === "object" && !Array.isArray(value);
const texts: Shape = {
  name: "an object of strings",
  fits: (value) => isMap(value) && Object.values(value).every(isText),
  empty: {},
};
const objects: Shape = {
  name: "a list of objects",
  fits: (value) => Array.isArray(value) && value.every((item) => item !== null && isMap(item)),
  empty: [],
};
const shapes: Readonly<Record<string, Shape>> = {
  ...{ name: text, generateName: text, namespace: text, selfLink: text, uid: text, resourceVersion: text },
  ...{ generation: number, deletionGracePeriodSeconds: number },
  ...{ creationTimestamp: text, deletionTimestamp: text, labels: texts, annotations: texts },
  ...{ ownerReferences: objects, managedFields: objects },
  finalizers: {
    name: "a list of strings",
    fits: (value) => Array.isArray(value) && value.every(isText),
    empty: [],
  },
};
