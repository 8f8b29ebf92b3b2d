/** What the API server does with an object before it is stored, for tests of kinds. */
import {
  applySchemaDefaults,
  fieldErrorText,
  type KindDefinition,
  type KubeObject,
  prune,
  validateSchema,
} from "@selvedge/apimachinery";

export interface Admitted {
  readonly object: KubeObject;
  readonly errors: readonly string[];
}

/** The object with its defaults, and all that is wrong with it. */
export function admit(
  kind: KindDefinition,
  object: unknown,
  old?: KubeObject,
  subresource?: string,
): Admitted {
  const made = structuredClone(object) as KubeObject;
  made.apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  made.kind = kind.kind;
  made.metadata ??= { name: "a", ...(kind.namespaced ? { namespace: "default" } : {}) };
  const unknown = prune(kind.schema, made).map((path) => `unknown field "${path}"`);
  applySchemaDefaults(kind.schema, made);
  kind.applyDefaults?.(made, old);
  const found = validateSchema(kind.schema, made);
  const isEnough = kind.custom && found.length > 0;
  const ours = isEnough ? [] : (kind.validate?.(made, old, found, subresource) ?? []);
  if (subresource === "status" && old) ours.push(...(kind.validateStatus?.(made, old) ?? []));
  const errors = [...found.filter(({ type }) => kind.custom || type !== "FieldValueDuplicate"), ...ours];
  return { object: made, errors: [...unknown, ...new Set(errors.map(fieldErrorText))] };
}
