/** What to do about fields that a kind does not have, and those said twice: refuse, warn or let go. */
import { goText, type KindDefinition, type KubeObject, prune, pruneObjectMeta } from "@selvedge/apimachinery";
import type { StatusError } from "../status-error.ts";
import { restoreFault } from "./go-words.ts";
import { badRequest, invalid } from "./refusals.ts";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

export interface FieldRules {
  readonly fieldValidation?: FieldValidation;
  /** Members that the body says twice, by path. */
  readonly duplicates?: readonly string[];
  /** Fields of a protobuf body that no table here has, by their numbers. */
  readonly skipped?: readonly string[];
  /** Integers of the body that are kept as others, as they were written. */
  readonly rounded?: readonly string[];
  /** The body is long: what is made of it is planned in a thread. */
  readonly isLong?: boolean;
  /** Hears what was dropped. */
  readonly warn?: (text: string) => void;
  /** Whether nulls stay where the kind allows none, and are refused: they were applied, and not decoded. */
  readonly keepsNulls?: boolean;
  /** What made the object: then this patch is what is invalid. */
  readonly patch?: { readonly type: string; readonly value: unknown };
}

/** More would fill the headers that warnings travel in. */
const warningsMax = 50;

/**
 * Removes what the kind does not have, in place. Throws when the rules say so, or when metadata is no
 * metadata. Members that are `settled`'s own are right already.
 */
export function pruneObject(
  kind: KindDefinition,
  object: KubeObject,
  rules: FieldRules,
  settled?: KubeObject,
): void {
  const metadata = pruneObjectMeta(object);
  if (metadata.errors.length > 0) throw invalid(kind, object.metadata.name ?? "", metadata.errors);
  // Of these upstream says nothing, not even to who asks it to be strict; what is lost is told all the same.
  if (rules.fieldValidation !== "Ignore") {
    for (const path of rules.skipped ?? []) rules.warn?.(`unknown field number ${JSON.stringify(path)}`);
  }
  for (const text of rules.rounded ?? []) rules.warn?.(roundedText(kind, text));
  const unknown = [...metadata.unknown, ...prune(kind.schema, object, settled)];
  const faults = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...(rules.duplicates ?? []).map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (faults.length === 0 || rules.fieldValidation === undefined || rules.fieldValidation === "Ignore")
    return;
  if (rules.fieldValidation === "Warn") {
    for (const fault of faults.slice(0, warningsMax)) rules.warn?.(fault);
    return;
  }
  throw unreadable(kind, rules, `strict decoding error: ${faults.join(", ")}`);
}

function roundedText({ keepsIntegers }: KindDefinition, integer: string): string {
  const kept = `${integer} is kept as ${Number(integer)}`;
  if (keepsIntegers === undefined) return `${kept}: write integers beyond 2^53 as texts`;
  const fits = BigInt.asIntN(64, BigInt(integer)) === BigInt(integer);
  return fits ? `${kept}: this member is a float64` : `${kept}: write integers beyond 2^63 as texts`;
}

/** The body cannot be made an object of the kind: it itself, or what a patch has made of the stored one. */
export function unreadable(kind: KindDefinition, rules: FieldRules, detail: string): StatusError {
  if (rules.patch !== undefined) {
    const { type, value: said } = rules.patch;
    const isStrategic = type === "strategic";
    const value = isStrategic ? goText(said) : JSON.stringify(said);
    const nameless = { group: "", kind: "" };
    return invalid(nameless, "", [
      {
        type: "FieldValueInvalid",
        field: "patch",
        value,
        detail: isStrategic ? restoreFault(detail) : detail,
      },
    ]);
  }
  const { kind: name, version } = kind;
  return badRequest(`${name} in version "${version}" cannot be handled as a ${name}: ${detail}`);
}
