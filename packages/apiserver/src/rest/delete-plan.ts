/** What a deletion makes of an object. Pure. */
import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { after, type Instant, instant, seconds, toRfc3339 } from "@selvedge/base";
import type { User } from "../auth/user.ts";
import { cloneObject } from "./lazy-object.ts";
import { conflict, invalidOptions } from "./refusals.ts";
import { namespaceFinalizers } from "./write-plan.ts";

export type PropagationPolicy = "Background" | "Foreground" | "Orphan";

export interface DeleteOutcome {
  /** False: it is marked, and goes when nothing holds it any more. */
  readonly gone: boolean;
  readonly object: KubeObject;
  /** What it was before. */
  readonly found: KubeObject;
}

export interface DeleteQuery {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: PropagationPolicy;
  /** What came before propagationPolicy. */
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
  /** Who asks; undefined is a part of this program. */
  readonly user?: User;
  /** As of a write. */
  readonly warn?: (text: string) => void;
  readonly annotate?: (key: string, value: string, level?: "Request") => void;
  /** By what it was asked: an eviction is a deletion that others have a say in. */
  readonly subresource?: string;
  /** What is said in the object when its deletion begins, in place: why it goes. */
  readonly beginDeletion?: (object: KubeObject, time: string) => void;
}

export type DeletePlan =
  /** It goes at once, as the object says. */
  | { readonly type: "delete"; readonly object: KubeObject }
  /** It stays, marked, until its grace is over and nothing holds it. */
  | { readonly type: "mark"; readonly object: KubeObject }
  /** It is marked already, and this says nothing new. */
  | { readonly type: "nothing" };

const foreground = "foregroundDeletion";
const orphan = "orphan";

export function planDelete(
  kind: KindDefinition,
  found: KubeObject,
  query: DeleteQuery,
  now: Instant,
): DeletePlan {
  checkOptions(query);
  checkPreconditions(kind, found, query);
  const stored = begun(found, [kind.beginDeletion, query.beginDeletion], now);
  const isMarked = stored.metadata.deletionTimestamp !== undefined;
  const before = stored.metadata.deletionGracePeriodSeconds ?? 0;
  const isGraceful = kind.gracePeriodSeconds !== undefined && !(isMarked && before === 0);
  const grace = isGraceful ? graceOf(kind, stored, query) : 0;
  // Grace can only become shorter, and until it is over nothing else is said of its end.
  if (isGraceful && isMarked && (query.gracePeriodSeconds === undefined || grace >= before))
    return { type: "nothing" };
  const finalizers = finalizersAfter(kind, stored.metadata.finalizers ?? [], query);
  const held = finalizers.length > 0 || namespaceFinalizers(stored).length > 0;
  if (!isGraceful && !held) return { type: "delete", object: stored };
  const object = cloneObject(stored);
  const meta = object.metadata;
  const sameFinalizers = finalizers.join() === (meta.finalizers ?? []).join();
  if (finalizers.length > 0) meta.finalizers = finalizers;
  else delete meta.finalizers;
  if (!isMarked) mark(object, grace, now);
  else if (isGraceful) shorten(meta, before, grace, now);
  else if (sameFinalizers) return { type: "nothing" };
  return { type: grace === 0 && !held ? "delete" : "mark", object };
}

function mark(object: KubeObject, grace: number, now: Instant): void {
  const meta = object.metadata;
  meta.deletionTimestamp = toRfc3339(after(now, seconds(grace)));
  if (meta.generation !== undefined) meta.generation++;
  if (object.kind === "Namespace" && object.apiVersion === "v1") {
    object["status"] = { ...(object["status"] as object | undefined), phase: "Terminating" };
  } else meta.deletionGracePeriodSeconds = grace;
}

/** The object with what is said of one that is about to go. */
function begun(
  object: KubeObject,
  says: readonly KindDefinition["beginDeletion"][],
  now: Instant,
): KubeObject {
  if (object.metadata.deletionTimestamp || says.every((say) => say === undefined)) return object;
  const begins = cloneObject(object);
  for (const say of says) say?.(begins, toRfc3339(now));
  return begins;
}

/** Counts from when the deletion was asked for; what would be over already is over now. */
function shorten(meta: KubeObject["metadata"], before: number, grace: number, now: Instant): void {
  const end = Date.parse(meta.deletionTimestamp ?? "") - (before - grace) * 1000;
  const over = end < now;
  meta.deletionTimestamp = toRfc3339(over ? now : instant(end));
  meta.deletionGracePeriodSeconds = over ? Math.min(grace, 1) : grace;
}

/** What has nothing to end is not waited for, whoever asks for how long. */
function graceOf(kind: KindDefinition, stored: KubeObject, query: DeleteQuery): number {
  const own = kind.gracePeriodSeconds?.(stored);
  if (own === undefined) return 0;
  const grace = query.gracePeriodSeconds ?? own;
  return grace < 0 ? 1 : grace;
}

function finalizersAfter(
  { leavesDependents: leaves }: KindDefinition,
  finalizers: readonly string[],
  query: DeleteQuery,
): string[] {
  const said = policyOf(query);
  if (said === undefined && leaves?.warning !== undefined) query.warn?.(leaves.warning);
  const decided = finalizers.includes(foreground) || finalizers.includes(orphan);
  const policy = said ?? (leaves !== undefined && !decided ? "Orphan" : undefined);
  if (policy === undefined) return [...finalizers];
  const wanted = finalizers.filter((one) => one !== foreground && one !== orphan);
  if (policy !== "Background") wanted.push(policy === "Foreground" ? foreground : orphan);
  // What says the same in another order stays as it is.
  return new Set(wanted).symmetricDifference(new Set(finalizers)).size === 0 ? [...finalizers] : wanted;
}

function policyOf({ propagationPolicy, orphanDependents }: DeleteQuery): PropagationPolicy | undefined {
  if (orphanDependents === undefined) return propagationPolicy;
  return orphanDependents ? "Orphan" : "Background";
}

function checkOptions({ propagationPolicy: policy, orphanDependents }: DeleteQuery): void {
  const field = "propagationPolicy";
  if (policy !== undefined && orphanDependents !== undefined) {
    const detail = "orphanDependents and deletionPropagation cannot be both set";
    throw invalidOptions("DeleteOptions", [{ type: "FieldValueInvalid", field, value: policy, detail }]);
  }
  if (policy === undefined || ["Background", "Foreground", "Orphan"].includes(policy)) return;
  const detail = 'supported values: "Foreground", "Background", "Orphan", "nil"';
  throw invalidOptions("DeleteOptions", [{ type: "FieldValueNotSupported", field, value: policy, detail }]);
}

function checkPreconditions(definition: KindDefinition, { metadata }: KubeObject, query: DeleteQuery): void {
  // Upstream names the kind here, where it names the resource elsewhere.
  const kind = { ...definition, plural: definition.kind };
  const { uid, resourceVersion } = query.preconditions ?? {};
  const differs = (what: string, asked: string, is: string | undefined, perhaps: string): string =>
    `the ${what} in the precondition (${asked}) does not match the ${what} in record (${is}). ${perhaps}`;
  if (uid !== undefined && uid !== metadata.uid) {
    const perhaps = "The object might have been deleted and then recreated";
    throw conflict(kind, metadata.name, differs("UID", uid, metadata.uid, perhaps));
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const perhaps = "The object might have been modified";
    throw conflict(
      kind,
      metadata.name,
      differs("ResourceVersion", resourceVersion, metadata.resourceVersion, perhaps),
    );
  }
}
