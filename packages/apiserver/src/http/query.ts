/** What the query of a URL asks for, checked. */
import { type FieldError, isInt64, parseDuration } from "@selvedge/apimachinery";
import { type Millis, millis } from "@selvedge/base";
import type { DeleteQuery, PropagationPolicy } from "../rest/delete-plan.ts";
import type { FieldValidation } from "../rest/field-validation.ts";
import type { ListQuery } from "../rest/listing.ts";
import { badRequest, invalidOptions } from "../rest/refusals.ts";
import type { IncludeObject } from "../rest/table.ts";

/** Anything but absent, "0" and "false" is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

/** What Go takes for true: of some parameters upstream asks that. */
export function isGoTrue(value: string | null): boolean {
  return value !== null && /^(?:1|t|T|true|TRUE|True)$/.test(value);
}

function given(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) || undefined;
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const isWhole = /^[-+]?\d+$/.test(text);
  if (isWhole && text.length < 64 && isInt64(text)) return Number(text);
  const fault = isWhole ? "value out of range" : "invalid syntax";
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${fault}`);
}

export function listQuery(query: URLSearchParams, namespace: string | undefined): ListQuery {
  const limit = whole(query, "limit");
  const texts = ["labelSelector", "fieldSelector", "continue", "resourceVersion", "resourceVersionMatch"];
  const found = texts.map((name) => [name, given(query, name)] as const).filter(([, value]) => value);
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(limit === undefined ? {} : { limit }),
    ...initialEvents(query),
    ...Object.fromEntries(found),
  };
}

function initialEvents(query: URLSearchParams): { readonly sendInitialEvents?: boolean } {
  const text = query.get("sendInitialEvents");
  return text === null ? {} : { sendInitialEvents: isTrue(text) };
}

/**
 * How long a client would wait for an answer; undefined: as long as we do. What is no length of time is refused, in
 * upstream's words.
 */
export function askedTimeout(query: URLSearchParams): Millis | undefined {
  const text = given(query, "timeout");
  if (text === undefined) return undefined;
  const nanos = parseDuration(text);
  if (nanos !== undefined) return nanos > 0n ? millis(Number(nanos / 1_000_000n)) : undefined;
  const fault = /^[+-]?\d+$/.test(text) ? "missing unit in duration" : "invalid duration";
  throw badRequest(`invalid timeout specified in the request URL - time: ${fault} ${JSON.stringify(text)}`);
}

/** Longer than any connection lasts, and no longer than a timer can wait. */
const timeoutMax = 1_000_000;

export function timeoutSeconds(query: URLSearchParams): number | undefined {
  const value = whole(query, "timeoutSeconds");
  return value === undefined || value <= 0 ? undefined : Math.min(value, timeoutMax);
}

export function includeObject(query: URLSearchParams): IncludeObject {
  const text = given(query, "includeObject") ?? "Metadata";
  if (text === "None" || text === "Metadata" || text === "Object") return text;
  const why = `Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: includeObject: ${why}`);
}

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  readonly force: boolean;
}

/** Longer names of managers are refused by upstream too. */
const managerMax = 128;

export function writeOptions(
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
  query: URLSearchParams,
  apply: boolean,
): WriteOptions {
  const errors: FieldError[] = [];
  const dryRun = query.getAll("dryRun");
  if (dryRun.some((text) => text !== "All")) {
    const detail = 'supported values: "All"';
    errors.push({ type: "FieldValueNotSupported", field: "dryRun", value: dryRun, detail });
  }
  const validation = given(query, "fieldValidation") ?? "Warn";
  if (!["Ignore", "Warn", "Strict"].includes(validation)) {
    const detail = 'supported values: "", "Ignore", "Strict", "Warn"';
    errors.push({ type: "FieldValueNotSupported", field: "fieldValidation", value: validation, detail });
  }
  const fieldManager = given(query, "fieldManager") ?? "";
  if (fieldManager.length > managerMax) {
    errors.push({
      type: "FieldValueTooLong",
      field: "fieldManager",
      detail: `may not be more than ${managerMax} bytes`,
    });
  }
  const odd = [...fieldManager].findIndex((letter) => /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(letter));
  if (odd >= 0) {
    const code = [...fieldManager][odd]?.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
    const detail = `invalid character U+${code} (at position ${odd})`;
    errors.push({ type: "FieldValueInvalid", field: "fieldManager", value: fieldManager, detail });
  }
  if (apply && fieldManager === "") {
    errors.push({ type: "FieldValueRequired", field: "fieldManager", detail: "is required for apply patch" });
  }
  if (!apply && query.has("force") && kind === "PatchOptions") {
    const detail = "may not be specified for non-apply patch";
    errors.push({ type: "FieldValueForbidden", field: "force", detail });
  }
  if (errors.length > 0) throw invalidOptions(kind, errors);
  const force = isTrue(query.get("force"));
  return { dryRun: dryRun.length > 0, fieldManager, fieldValidation: validation as FieldValidation, force };
}

/** Options of a deletion: of a body when there is one, which says all then, else of the query. */
export function deleteOptions(
  query: URLSearchParams,
  body: Readonly<Record<string, unknown>> | undefined,
): DeleteQuery {
  const { dryRun, gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = (body ??
    deletionIn(query)) as DeletionSaid;
  const dry = dryRun ?? [];
  if (dry.some((text) => text !== "All")) {
    const detail = 'supported values: "All"';
    throw invalidOptions("DeleteOptions", [
      { type: "FieldValueNotSupported", field: "dryRun", value: dry, detail },
    ]);
  }
  return {
    ...(typeof gracePeriodSeconds === "number" && { gracePeriodSeconds }),
    ...(typeof propagationPolicy === "string" && { propagationPolicy }),
    ...(typeof orphanDependents === "boolean" && { orphanDependents }),
    ...(preconditions && { preconditions: saidOf(preconditions) }),
    ...(dry.length > 0 && { dryRun: true }),
  };
}

/** What is null is not said. */
type DeletionSaid = {
  readonly [Name in keyof Omit<DeleteQuery, "dryRun">]?: DeleteQuery[Name] | null;
} & { readonly dryRun?: readonly string[] | null };

function deletionIn(query: URLSearchParams): DeletionSaid {
  const [orphan, uid, resourceVersion] = ["orphanDependents", "uid", "resourceVersion"].map((name) =>
    query.get(name),
  );
  return {
    dryRun: query.getAll("dryRun"),
    gracePeriodSeconds: whole(query, "gracePeriodSeconds") ?? null,
    propagationPolicy: query.get("propagationPolicy") as PropagationPolicy | null,
    orphanDependents: orphan == null ? null : isTrue(orphan),
    preconditions: uid == null && resourceVersion == null ? null : saidOf({ uid, resourceVersion }),
  };
}

function saidOf(asked: Readonly<Record<string, unknown>>): NonNullable<DeleteQuery["preconditions"]> {
  const { uid, resourceVersion } = asked;
  return {
    ...(typeof uid === "string" && { uid }),
    ...(typeof resourceVersion === "string" && { resourceVersion }),
  };
}
