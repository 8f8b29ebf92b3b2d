/**
 * Writes of long objects, and long YAML, as a thread works on them: texts in, texts out. Pure but for the kinds it
 * keeps.
 */
import {
  BodyError,
  type KindDefinition,
  type KubeObject,
  type ParsedBody,
  parseJsonOrYaml,
  parseYamlBody,
  readAs,
} from "@selvedge/apimachinery";
import { keepsIntegers, LruMap } from "@selvedge/base";
import { customKinds } from "../custom/custom-kind.ts";
import type { CustomResourceDefinition } from "../custom/definition.ts";
import { definitionKind } from "../custom/definition-kind.ts";
import type { FieldRules } from "../rest/field-validation.ts";
import { hasManyValues } from "../rest/json-outline.ts";
import { cutObject, longMin, type SaidObject } from "../rest/lazy-object.ts";
import { type BodyForm, readForm } from "../rest/object-body.ts";
import { applyConfiguration, applyPatch, type PatchKind } from "../rest/patching.ts";
import { postedIn, type SaidPosted } from "../rest/posted-kinds.ts";
import { planCreate, planUpdate, type WriteContext } from "../rest/write-plan.ts";
import { StatusError } from "../status-error.ts";
import type { Row } from "../store/store.ts";

/** By what a thread finds or makes the kind that the loop has. */
export interface SaidKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Of a user's kind: what defines it, as JSON. */
  readonly definition?: string;
  /** Of the program's own: the module that exports them as `allKinds`. */
  readonly module?: string;
}

export interface SaidStored {
  readonly row: Row;
  /** It is the object as the kind shows it, not as it is kept. */
  readonly isShown: boolean;
}

export interface PlanTask {
  readonly type: "plan";
  readonly kind: SaidKind;
  readonly stored: SaidStored | undefined;
  /** The object, as JSON. */
  readonly wanted: string;
  /** Of one that is created. */
  readonly uid: string;
  readonly context: Omit<WriteContext, "kind" | "patience" | "rules">;
  readonly rules: SaidRules;
}

/** `patch` has its value as JSON. */
export type SaidRules = Omit<FieldRules, "warn">;

export interface PatchTask {
  readonly type: "patch";
  readonly kind: SaidKind;
  readonly stored: SaidStored | undefined;
  /** As JSON. */
  readonly patch: string;
  readonly by: SaidPatch;
}

export type SaidPatch =
  | { readonly type: Exclude<PatchKind, "apply"> }
  | {
      readonly type: "apply";
      readonly manager: string | undefined;
      readonly force: boolean;
      readonly subresource: string | undefined;
      readonly time: string;
    };

export interface YamlTask {
  readonly type: "yaml";
  readonly text: string;
  /** What begins like JSON is tried as that first. */
  readonly orJson: boolean;
}

/** A body of the kind, or a patch of one. */
export interface BodyTask {
  readonly type: "body";
  readonly kind: SaidKind | SaidPosted;
  readonly body: Uint8Array;
  readonly form: BodyForm;
}

/** A stored object as the kind shows it now. */
export interface SettleTask {
  readonly type: "settle";
  readonly kind: SaidKind;
  readonly row: Row;
}

export interface SettledObject {
  readonly object: SaidObject;
  /** But for its revision it is what is stored. */
  readonly isSame: boolean;
}

/** What a write has come to; `isSame`: nothing changes, but for defaults that what is stored lacked. */
export type Planned =
  | {
      readonly type: "made";
      readonly object: SaidObject;
      readonly isSame: boolean;
      readonly warnings: readonly string[];
    }
  | { readonly type: "refused"; readonly refusal: SaidRefusal; readonly warnings: readonly string[] };

export type SaidRefusal = Pick<StatusError, "code" | "reason" | "message" | "details">;

export type SaidBody =
  | { readonly type: "body"; readonly value: string; readonly others: Omit<ParsedBody, "value"> }
  | { readonly type: "fault"; readonly message: string };

export type ReadBody =
  | {
      readonly type: "body";
      /** An object, or else JSON. */
      readonly value: SaidObject | string;
      readonly others: Omit<ParsedBody, "value">;
      readonly isLong: boolean;
    }
  | { readonly type: "refused"; readonly refusal: SaidRefusal };

/** Integers as the kind has them. */
export async function readLongBody({ kind: said, body, form }: BodyTask): Promise<ReadBody> {
  const kind = "posted" in said ? postedIn(said) : await kindIn(said);
  try {
    const { value, ...others } = await readForm(body, form, kind);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const text = JSON.stringify(value);
    const isLong = text.length > longMin && hasManyValues(text);
    return { type: "body", value: isObject ? cutObject(value) : text, others, isLong };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { type: "refused", refusal: refusalOf(error) };
  }
}

export async function settle({ kind: said, row }: SettleTask): Promise<SettledObject> {
  const object = storedIn({ row, isShown: false }, await kindIn(said));
  const { resourceVersion: _own, ...metadata } = object.metadata;
  return { object: cutObject(object), isSame: JSON.stringify({ ...object, metadata }) === row.value };
}

export function refusalOf({ code, reason, message, details }: StatusError): SaidRefusal {
  return { code, reason, message, details };
}

export async function plan(task: PlanTask | PatchTask): Promise<Planned> {
  const kind = await kindIn(task.kind);
  const warnings: string[] = [];
  try {
    const stored = task.stored && storedIn(task.stored, kind);
    const made =
      task.type === "patch"
        ? patched(task, kind, stored)
        : planned(task, kind, stored, (text) => warnings.push(text));
    return { type: "made", object: cutObject(made), isSame: made === stored, warnings };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { type: "refused", refusal: refusalOf(error), warnings };
  }
}

/** With all integers that may be kept. */
export function readYaml({ text, orJson }: YamlTask): SaidBody {
  try {
    const { value, ...others } = (orJson ? parseJsonOrYaml : parseYamlBody)(text, keepsIntegers);
    return { type: "body", value: JSON.stringify(value), others };
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    return { type: "fault", message: error.message };
  }
}

function planned(
  { wanted, uid, context, rules }: PlanTask,
  kind: KindDefinition,
  stored: KubeObject | undefined,
  warn: (text: string) => void,
): KubeObject {
  const object = readAs(kind, wanted) as KubeObject;
  const whole: WriteContext = { ...context, kind, rules: { ...rulesIn(kind, rules), warn } };
  return stored === undefined ? planCreate(object, uid, whole) : planUpdate(stored, object, whole);
}

export function rulesIn(kind: KindDefinition, rules: SaidRules): SaidRules {
  const { patch } = rules;
  return patch === undefined
    ? rules
    : { ...rules, patch: { type: patch.type, value: readAs(kind, patch.value as string) } };
}

function patched({ patch, by }: PatchTask, kind: KindDefinition, stored: KubeObject | undefined): KubeObject {
  const value = readAs(kind, patch);
  if (by.type === "apply") return applyConfiguration({ ...by, kind, stored, patch: value });
  return applyPatch(kind, stored as KubeObject, by.type, value);
}

export function storedIn({ row, isShown }: SaidStored, kind: KindDefinition): KubeObject {
  const kept = readAs(kind, row.value) as KubeObject;
  const object = isShown || kind.view === undefined ? kept : kind.view.read(kept);
  object.metadata.resourceVersion = `${row.revision}`;
  return object;
}

/** Definitions are up to a megabyte each, and what is made of them some more. */
const keptMax = 8;
const kept = new LruMap<string, readonly KindDefinition[]>(keptMax);

export async function kindIn({
  group,
  version,
  plural,
  definition,
  module,
}: SaidKind): Promise<KindDefinition> {
  let kinds: readonly KindDefinition[] = [definitionKind];
  if (definition !== undefined) {
    kinds = kept.get(definition) ?? customKinds(JSON.parse(definition) as CustomResourceDefinition);
    kept.set(definition, kinds);
  } else if (module !== undefined) {
    kinds = ((await import(module)) as { readonly allKinds: readonly KindDefinition[] }).allKinds;
  }
  const isIt = (kind: KindDefinition): boolean =>
    kind.group === group && kind.version === version && kind.plural === plural;
  const found = kinds.find(isIt);
  if (found === undefined) throw new Error(`no kind ${plural} of ${group}/${version} is known here`);
  return found;
}
