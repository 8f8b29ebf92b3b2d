import {
  type KindDefinition,
  type KubeObject,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from "@selvedge/apimachinery";
import { StatusError } from "../status-error.ts";

/** Whether an object is among those a list or watch asks for. Fields the kind does not offer are refused. */
export function matcher(
  kind: KindDefinition,
  query: { readonly labelSelector?: string; readonly fieldSelector?: string },
): (object: KubeObject) => boolean {
  try {
    const labels = parseLabelSelector(query.labelSelector ?? "");
    const fields = parseFieldSelector(query.fieldSelector ?? "");
    const known = ["metadata.name", "metadata.namespace", ...(kind.selectableFields ?? [])];
    const unknown = fields.find(({ path }) => !known.includes(path));
    if (unknown !== undefined) {
      throw new StatusError(400, "BadRequest", `field label not supported: ${unknown.path}`);
    }
    return (object) =>
      matchesLabels(labels, object.metadata.labels) &&
      fields.every(({ path, equal, value }) => (textAt(object, path) === value) === equal);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw new StatusError(400, "BadRequest", error.message, undefined, { cause: error });
  }
}

function textAt(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const step of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[step];
  return value === undefined || value === null ? "" : String(value);
}
