/**
 * Where a write is planned: at once, which for most takes less than to ask somebody else; what is long in a thread,
 * where it may take its seconds. There it is planned by the same functions, of the same texts.
 *
 *   wanted ─► short: plan ──────────────────────────────► object
 *          └► long: JSON ─► a thread: plan ─► JSON ─► turn ─► object
 *
 * It relies on this: what is stored does not change meanwhile, and a write of what has been changed is a conflict.
 */
import type { KindDefinition, KubeObject, ParsedBody } from "@selvedge/apimachinery";
import { BodyError, parseJsonOrYaml, parseYamlBody, readAs } from "@selvedge/apimachinery";
import { type KeepsInteger, parseJson } from "@selvedge/base";
import { HookError } from "../admission/webhook/hook-error.ts";
import { type Patched, patchedObject } from "../admission/webhook/patched-object.ts";
import type { AdmissionRequest } from "../admission.ts";
import { definitionTextOf } from "../custom/custom-kind.ts";
import { definitionKind } from "../custom/definition-kind.ts";
import { EvaluationLostError } from "../evaluation/evaluation-threads.ts";
import type { Evaluations } from "../evaluation/evaluations.ts";
import type { MutationStep } from "../evaluation/mutation-tasks.ts";
import type {
  BodyTask,
  PatchTask,
  Planned,
  PlanTask,
  SaidKind,
  SaidPatch,
  SaidRefusal,
  SaidRules,
  SaidStored,
} from "../evaluation/plan-tasks.ts";
import { StatusError } from "../status-error.ts";
import type { FieldRules } from "./field-validation.ts";
import { hasManyValues } from "./json-outline.ts";
import { assignMembers, isLong, jsonOf, longMin, saidObject, unreadLength } from "./lazy-object.ts";
import { type BodyForm, type ReadKind, readForm, writtenAs } from "./object-body.ts";
import { type ApplyRequest, applyConfiguration, applyPatch, type PatchKind } from "./patching.ts";
import { saidPosted } from "./posted-kinds.ts";
import { withScale } from "./scale.ts";
import { type Sent, sentObject } from "./sent-object.ts";
import { shownAs } from "./shown-as.ts";
import { revisionOf, type Stored } from "./stored.ts";
import { planCreate, planUpdate, type WriteContext } from "./write-plan.ts";

/** The parser takes a second for a megabyte. */
const longYamlMin = 16 * 1024;

/** Most kinds keep none whole. */
const none: KeepsInteger = () => false;

export interface LongBody extends ParsedBody {
  /** What it says is planned in a thread; its long members are read when they are asked for. */
  readonly isLong?: boolean;
}

/** A write that others have a say in. */
type Admitted = Pick<AdmissionRequest, "kind" | "subresource" | "old" | "isLong">;

export class Planner {
  readonly #evaluations: Evaluations;
  /** Exports the program's own kinds as `allKinds`; without it those are planned at once. */
  kindsModule: string | undefined;

  constructor(evaluations: Evaluations) {
    this.#evaluations = evaluations;
  }

  create(wanted: KubeObject, uid: string, context: WriteContext): KubeObject | Promise<KubeObject> {
    const kind = this.#kindOfLong(context.kind, context.rules, undefined);
    if (kind === undefined) return planCreate(wanted, uid, context);
    return this.#plan(kind, undefined, wanted, uid, context);
  }

  update(found: Stored, wanted: KubeObject, context: WriteContext): KubeObject | Promise<KubeObject> {
    const kind = this.#kindOfLong(context.kind, context.rules, found);
    if (kind === undefined) return planUpdate(found.object, wanted, context);
    return this.#plan(kind, found, wanted, "", context);
  }

  patch(
    definition: KindDefinition,
    found: Stored,
    type: Exclude<PatchKind, "apply">,
    patch: unknown,
    rules: FieldRules,
  ): KubeObject | Promise<KubeObject> {
    const kind = this.#kindOfLong(definition, rules, found);
    if (kind === undefined) return applyPatch(definition, found.object, type, patch);
    return this.#patch(kind, definition, found, patch, { type });
  }

  /** What was sent, with its defaults, as members of admission see it; `prunes`: as others are told of it. */
  async sent(write: Admitted, object: KubeObject, rules: FieldRules, prunes: boolean): Promise<Sent> {
    const said = write.isLong === true ? this.said(write.kind) : undefined;
    const how = { prunes, isNew: write.old === undefined, isPart: write.subresource !== undefined };
    if (said === undefined) return sentObject(write.kind, object, write.old, rules, how);
    const step = { type: "sent", ...how, rules: saidRules(rules) } as const;
    const sent = await this.#mutate(write, said, object, step, rules.warn);
    return { object: sent.object as KubeObject, said: sent.said };
  }

  /** The object as another kind shows it; of a write of its scale, its scale. */
  async shown(
    matched: KindDefinition,
    write: Pick<Admitted, "kind" | "subresource" | "isLong">,
    object: KubeObject | undefined,
  ): Promise<KubeObject | undefined> {
    const { kind, subresource, isLong } = write;
    if (object === undefined || (matched === kind && subresource !== "scale")) return object;
    const said = isLong === true && this.#evaluations.hasRoom ? this.#saidBoth(kind, matched) : undefined;
    if (said === undefined) return await shownAs(matched, write, object);
    const step = { type: "shown", matched: said.matched } as const;
    return (await this.#mutate({ kind, subresource, old: undefined }, said.kind, object, step)).object;
  }

  async scale(kind: KindDefinition, object: KubeObject): Promise<KubeObject> {
    const write = { kind, subresource: "scale", isLong: isLong(object) };
    return (await this.shown(kind, write, object)) as KubeObject;
  }

  /** What a webhook's patch leaves of an object; undefined: nothing is another. */
  async patched(write: Patched, isLong = false): Promise<KubeObject | undefined> {
    const { kind, matched, object, patch } = write;
    const isThere = isLong || patch.length > longMin || unreadLength(object) > 0;
    const said = isThere ? this.#saidBoth(kind, matched) : undefined;
    if (said === undefined) return await patchedObject(write);
    const step = { type: "patched", matched: said.matched, patch } as const;
    return (await this.#mutate(write, said.kind, object, step)).object;
  }

  /** A stored object with as many copies as the scale says. */
  async scaled(kind: KindDefinition, found: Stored, scale: KubeObject): Promise<KubeObject> {
    const said = this.#kindOfLong(kind, {}, found);
    if (said === undefined) return withScale(kind, found.object, scale);
    const step = { type: "scaled", scale: jsonOf(scale) } as const;
    const write = { kind, subresource: "scale", old: undefined };
    return (await this.#mutate(write, said, found.object, step)).object as KubeObject;
  }

  apply(
    request: Omit<ApplyRequest, "stored">,
    found: Stored | undefined,
    rules: FieldRules,
  ): KubeObject | Promise<KubeObject> {
    const { kind: definition, patch, manager, force, subresource, time } = request;
    const kind = this.#kindOfLong(definition, rules, found);
    if (kind === undefined) return applyConfiguration({ ...request, stored: found?.object });
    return this.#patch(kind, definition, found, patch, { type: "apply", manager, force, subresource, time });
  }

  /** At once, but for a long one, of a kind that is served or of what is posted. */
  async readBody(
    body: Uint8Array,
    form: BodyForm,
    kind: ReadKind,
    served?: KindDefinition,
  ): Promise<LongBody> {
    const isThere = isLongBody(body, form);
    const said = isThere ? ((served && this.said(served)) ?? saidPosted(kind)) : undefined;
    if (said !== undefined) return await this.#readThere(body, form, kind, said);
    return await readForm(body, form, kind, (text, orJson) => this.readYaml(text, orJson, kind));
  }

  async #readThere(
    body: Uint8Array,
    form: BodyForm,
    kind: ReadKind,
    said: BodyTask["kind"],
  ): Promise<LongBody> {
    this.#checkRoom();
    const read = await this.#evaluations.body({ type: "body", kind: said, body, form });
    if (read.type === "refused") throw refusedThere(read.refusal);
    const { value, others, isLong } = read;
    return {
      ...others,
      value: typeof value === "string" ? readAs(kind, value) : saidObject(kind, value),
      isLong,
    };
  }

  /** Has a long object's JSON made; undefined: it is known, or as quickly made where it is asked for. */
  settle(stored: Stored, kind: KindDefinition): Promise<void> | undefined {
    if (!stored.isUnsettled || !this.#evaluations.hasRoom) return undefined;
    const said = this.said(kind);
    return said && this.#settle(stored, said);
  }

  async #settle(stored: Stored, kind: SaidKind): Promise<void> {
    try {
      stored.settled(await this.#evaluations.settle({ type: "settle", kind, row: stored.said.row }));
    } catch (error) {
      // It is made where it is asked for: slower for others, but who only reads is not refused.
      if (!(error instanceof EvaluationLostError)) throw error;
    }
  }

  /** YAML, or what may be JSON as well; a promise where it is long. */
  readYaml(
    text: string,
    orJson: boolean,
    { keepsIntegers = none }: Pick<KindDefinition, "keepsIntegers">,
  ): ParsedBody | Promise<ParsedBody> {
    if (text.length <= longYamlMin || (orJson && /^\s*\{/.test(text))) {
      return (orJson ? parseJsonOrYaml : parseYamlBody)(text, keepsIntegers);
    }
    return this.#readLong(text, orJson, keepsIntegers);
  }

  async #readLong(text: string, orJson: boolean, keeps: KeepsInteger): Promise<ParsedBody> {
    this.#checkRoom();
    const said = await this.#evaluations.yaml({ type: "yaml", text, orJson });
    if (said.type === "fault") throw new BodyError(said.message);
    const { rounded = [], ...others } = said.others;
    const all = [...rounded];
    const hear = (integer: string): void => {
      // Of larger ones the thread has told.
      if (BigInt.asIntN(64, BigInt(integer)) === BigInt(integer)) all.push(integer);
    };
    return { ...others, value: parseJson(said.value, keeps, hear), rounded: all };
  }

  /** Undefined: it is short, or of a kind that a thread cannot have. */
  #kindOfLong(kind: KindDefinition, rules: FieldRules, found: Stored | undefined): SaidKind | undefined {
    return rules.isLong === true || found?.isLong === true ? this.said(kind) : undefined;
  }

  /** By what a thread has the kind; undefined: it cannot have it. */
  said(kind: KindDefinition): SaidKind | undefined {
    const { group, version, plural } = kind;
    if (kind === definitionKind) return { group, version, plural };
    const definition = definitionTextOf(kind);
    if (definition !== undefined) return { group, version, plural, definition };
    if (kind.custom || this.kindsModule === undefined) return undefined;
    return { group, version, plural, module: this.kindsModule };
  }

  async #plan(
    kind: SaidKind,
    found: Stored | undefined,
    wanted: KubeObject,
    uid: string,
    { kind: definition, manager, subresource, time, managed, said, rules, ours = false }: WriteContext,
  ): Promise<KubeObject> {
    // The body was read in this one.
    await nextTurn();
    const outcome = await this.#ask({
      ...{ type: "plan", kind, stored: found?.said, wanted: jsonOf(wanted), uid },
      context: { manager, subresource, time, ours, ...(managed && { managed }), ...(said && { said }) },
      rules: saidRules(rules),
    });
    for (const text of outcome.warnings) rules.warn?.(text);
    const made = madeOf(outcome, definition);
    // What is written down next is as long.
    await nextTurn();
    return found !== undefined && outcome.type === "made" && outcome.isSame
      ? assignMembers(found.object, made)
      : made;
  }

  async #patch(
    kind: SaidKind,
    definition: KindDefinition,
    found: Stored | undefined,
    patch: unknown,
    by: SaidPatch,
  ): Promise<KubeObject> {
    await nextTurn();
    const stored = found?.said;
    const outcome = await this.#ask({ type: "patch", kind, stored, patch: jsonOf(patch), by });
    const made = madeOf(outcome, definition);
    // Others have a say in it next.
    await nextTurn();
    return made;
  }

  async #mutate(
    { kind, subresource, old }: Admitted,
    said: SaidKind,
    object: KubeObject,
    step: MutationStep,
    warn?: FieldRules["warn"],
  ): Promise<{ readonly object: KubeObject | undefined; readonly said?: string }> {
    this.#checkRoom();
    await nextTurn();
    const outcome = await this.#evaluations.mutate({
      ...{ type: "mutate", kind: said, object: jsonOf(object), subresource, step },
      old: old === undefined || kind.custom ? undefined : saidAsShown(old),
    });
    if (outcome.type === "fault") throw new HookError(outcome.message);
    for (const text of outcome.warnings) warn?.(text);
    const made = outcome.type === "made" && outcome.isSame ? undefined : madeOf(outcome, kind);
    await nextTurn();
    return { object: made, ...(outcome.said !== undefined && { said: outcome.said }) };
  }

  /** Undefined: one of them no thread can have, or somebody else has to be asked to make one of the other. */
  #saidBoth(
    kind: KindDefinition,
    matched: KindDefinition,
  ): { readonly kind: SaidKind; readonly matched: SaidKind } | undefined {
    if (matched !== kind && kind.view?.converter !== undefined) return undefined;
    const [said, other] = [this.said(kind), this.said(matched)];
    return said && other && { kind: said, matched: other };
  }

  #ask(task: PlanTask | PatchTask): Promise<Planned> {
    this.#checkRoom();
    return this.#evaluations.plan(task);
  }

  #checkRoom(): void {
    if (this.#evaluations.hasRoom) return;
    const message = "too many long objects are being written, please try again later";
    throw new StatusError(429, "TooManyRequests", message, { retryAfterSeconds: 1 });
  }
}

function saidRules({
  fieldValidation,
  duplicates,
  skipped,
  rounded,
  keepsNulls,
  patch,
}: FieldRules): SaidRules {
  return {
    ...(fieldValidation && { fieldValidation }),
    ...(duplicates && { duplicates }),
    ...(skipped && { skipped }),
    ...(rounded && { rounded }),
    ...(keepsNulls && { keepsNulls }),
    ...(patch && { patch: { type: patch.type, value: jsonOf(patch.value) } }),
  };
}

function saidAsShown(object: KubeObject): SaidStored {
  return { row: { key: "", revision: revisionOf(object), value: jsonOf(object) }, isShown: true };
}

function madeOf(outcome: Planned, kind: KindDefinition): KubeObject {
  if (outcome.type === "made") return saidObject(kind, outcome.object);
  throw refusedThere(outcome.refusal);
}

function refusedThere({ code, reason, message, details }: SaidRefusal): StatusError {
  return new StatusError(code, reason, message, details);
}

function isLongBody(body: Uint8Array, form: BodyForm): boolean {
  if (body.length <= longYamlMin) return false;
  const written = writtenAs(body, form);
  if (written === "yaml") return true;
  if (body.length <= longMin || written === undefined) return false;
  // Whether its letters are UTF-8 is seen when it is read.
  return (
    written === "protobuf" ||
    hasManyValues(Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1"))
  );
}

/** What else there is to do has its turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
