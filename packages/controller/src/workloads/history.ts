import { holdingLazy, isLong, withMembers } from "@selvedge/apiserver";
import { canonicalJson } from "@selvedge/base";
import type { ControllerRevision, DaemonSet, PodTemplateSpec, StatefulSet } from "@selvedge/kinds";
import { controllerReference, sameJson, templateHash } from "./template.ts";

export const revisionHashLabel = "controller-revision-hash";
const changeCause = "kubernetes.io/change-cause";
const defaultLimit = 10;

/** Whoever keeps its former templates. */
export type RevisedSet = DaemonSet | StatefulSet;

/** What to do about the revisions of a set. */
export interface HistoryPlan {
  /** The hash of the current template, and the revision that holds it. */
  readonly hash: string;
  readonly name: string;
  readonly create: ControllerRevision | undefined;
  /** An old template that came back gets the newest number. */
  readonly renumber: { readonly revision: ControllerRevision; readonly number: number } | undefined;
  readonly remove: readonly ControllerRevision[];
}

/** The patch that `kubectl rollout undo` sends back. */
function revisionData({ spec }: RevisedSet): Record<string, unknown> {
  const template = withMembers(spec.template, { $patch: "replace" });
  return holdingLazy({ spec: holdingLazy({ template }) });
}

/** The template a revision holds. */
export function revisionTemplate({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { template } = (data?.["spec"] ?? {}) as { template?: PodTemplateSpec & { $patch?: string } };
  if (template === undefined) return undefined;
  const { $patch: _replace, ...held } = template;
  return held;
}

/** Pure: keeps one revision for each template that was, the newest for what is. */
export function planHistory(
  set: RevisedSet,
  revisions: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
): HistoryPlan {
  const data = revisionData(set);
  const newest = Math.max(0, ...revisions.map(({ revision }) => revision));
  const current = revisions.find((one) => sameJson(one.data, data));
  if (current !== undefined) {
    const hash = current.metadata.labels?.[revisionHashLabel] ?? "";
    const renumber = current.revision === newest ? undefined : { revision: current, number: newest + 1 };
    const remove = outdated(set, revisions, current, isUsed);
    return { hash, name: current.metadata.name, create: undefined, renumber, remove };
  }
  const hash = templateHash(set.spec.template, set.status?.collisionCount);
  const { name, namespace = "", annotations = {} } = set.metadata;
  const cause = annotations[changeCause];
  const create: ControllerRevision = holdingLazy({
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...set.spec.template.metadata?.labels, [revisionHashLabel]: hash },
      annotations: cause === undefined ? {} : { [changeCause]: cause },
      ownerReferences: [controllerReference(set)],
    },
    // In order of its members: upstream compares the text. To bring long ones in order would take long.
    data: isLong(data) ? data : JSON.parse(canonicalJson(data)),
    revision: newest + 1,
  });
  const remove = outdated(set, revisions, undefined, isUsed);
  return { hash, name: create.metadata.name, create, renumber: undefined, remove };
}

/** The oldest beyond the limit, but none that a Pod was made from. */
function outdated(
  { spec }: RevisedSet,
  revisions: readonly ControllerRevision[],
  current: ControllerRevision | undefined,
  isUsed: (revision: ControllerRevision) => boolean,
): ControllerRevision[] {
  const old = revisions
    .filter((one) => one !== current && !isUsed(one))
    .sort((left, right) => left.revision - right.revision);
  return old.slice(0, Math.max(0, old.length - (spec.revisionHistoryLimit ?? defaultLimit)));
}
