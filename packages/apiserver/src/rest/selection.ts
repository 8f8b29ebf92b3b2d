import {
  type KindDefinition,
  type KubeObject,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type Schema,
  SelectorError,
} from "@selvedge/apimachinery";
import { keyOf, prefixOf } from "./kind-names.ts";
import { badRequest } from "./refusals.ts";
import type { Stored } from "./stored.ts";

export interface SelectionQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** What a list or watch asks for. */
export interface Selection {
  /** Everything asked for is below this prefix, or is this key. */
  readonly prefix: string;
  /** Whether the prefix alone says it all. */
  readonly whole: boolean;
  matches(stored: Stored): boolean;
  matchesObject(object: KubeObject): boolean;
}

/** Fields the kind does not offer are refused, not ignored. */
export function selectionOf(kind: KindDefinition, query: SelectionQuery): Selection {
  const { namespace } = query;
  try {
    const labels = parseLabelSelector(query.labelSelector ?? "");
    const fields = parseFieldSelector(query.fieldSelector ?? "");
    const { selectableFields = [], computedFields = {} } = kind;
    const known = ["metadata.name", ...selectableFields, ...Object.keys(computedFields)];
    // As upstream: any kind has one, but those in no namespace that say themselves what there is to select by.
    if (kind.namespaced || !saysFields(kind)) known.push("metadata.namespace");
    const unknown = fields.find(({ path }) => !known.includes(path));
    if (unknown !== undefined) throw badRequest(unsupported(kind, unknown.path));
    const values = fields.map(({ path }) => {
      const unsaid = unsaidOf(kind, path);
      return computedFields[path] ?? ((object: KubeObject) => textAt(object, path, unsaid));
    });
    const name = fields.find(({ path, equal }) => path === "metadata.name" && equal)?.value;
    const single = name !== undefined && name !== "" && (!kind.namespaced || Boolean(namespace));
    const matchesObject = (object: KubeObject): boolean =>
      (labels.length === 0 || matchesLabels(labels, object.metadata.labels)) &&
      fields.every(({ equal, value }, index) => (values[index]?.(object) === value) === equal);
    const whole = labels.length === 0 && fields.length === 0;
    return {
      prefix: single ? keyOf(kind, name, namespace) : prefixOf(kind, namespace),
      whole,
      // Where nothing is asked of an object its text need not be read.
      matches: (stored) => whole || matchesObject(stored.object),
      matchesObject,
    };
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw badRequest(error.message, error);
  }
}

/** In the words of upstream, which has others for its kinds that offer nothing of their own. */
function unsupported(kind: KindDefinition, path: string): string {
  if (kind.kind === "Job" && !kind.custom) return `field label ${JSON.stringify(path)} not supported for Job`;
  if (saysFields(kind)) return `field label not supported: ${path}`;
  return `${JSON.stringify(path)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function saysFields({ custom, selectableFields, computedFields }: KindDefinition): boolean {
  return Boolean(custom) || selectableFields !== undefined || computedFields !== undefined;
}

/** The one value of a field that a selector lets through; undefined: it lets others through too. */
export function selectedField(selector: string | undefined, path: string): string | undefined {
  if (selector === undefined) return undefined;
  try {
    return parseFieldSelector(selector).find((field) => field.path === path && field.equal)?.value;
  } catch (error) {
    // Whoever reads it for its list says what is wrong with it.
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

function textAt(object: KubeObject, path: string, unsaid: string): string {
  let value: unknown = object;
  for (const step of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[step];
  return value === undefined || value === null ? unsaid : String(value);
}

/** What a field counts as that is not there. Of custom kinds upstream says nothing of it, else Go's zero. */
function unsaidOf({ custom, schema }: KindDefinition, path: string): string {
  let at: Schema | undefined = schema;
  for (const step of path.split(".")) at = at?.properties?.[step];
  if (custom || at === undefined) return "";
  return at.type === "boolean" ? "false" : at.type === "integer" ? "0" : "";
}
