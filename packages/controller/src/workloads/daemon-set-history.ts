import { jsonEqual } from "@selvedge/base";
import type { ControllerRevision, DaemonSet, Pod } from "@selvedge/kinds";
import { controllerReference, templateHash } from "./template.ts";

export const revisionHashLabel = "controller-revision-hash";
const changeCause = "kubernetes.io/change-cause";
const defaultLimit = 10;

/** What to do about the revisions of a DaemonSet. */
export interface HistoryPlan {
  /** The hash that Pods of the current template carry. */
  readonly hash: string;
  readonly create: ControllerRevision | undefined;
  /** An old template that came back gets the newest number. */
  readonly renumber: { readonly revision: ControllerRevision; readonly number: number } | undefined;
  readonly remove: readonly ControllerRevision[];
}

/** The patch that `kubectl rollout undo` sends back. */
export function revisionData({ spec }: DaemonSet): Record<string, unknown> {
  return { spec: { template: { ...spec.template, $patch: "replace" } } };
}

/** Pure: keeps one revision for each template that was, the newest for what is. */
export function planHistory(
  set: DaemonSet,
  revisions: readonly ControllerRevision[],
  pods: readonly Pod[],
): HistoryPlan {
  const data = revisionData(set);
  const newest = Math.max(0, ...revisions.map(({ revision }) => revision));
  const current = revisions.find((one) => jsonEqual(one.data, data));
  if (current !== undefined) {
    const hash = current.metadata.labels?.[revisionHashLabel] ?? "";
    const renumber = current.revision === newest ? undefined : { revision: current, number: newest + 1 };
    return { hash, create: undefined, renumber, remove: outdated(set, revisions, current, pods) };
  }
  const hash = templateHash(set.spec.template, set.status?.collisionCount);
  const { name, namespace = "", annotations = {} } = set.metadata;
  const cause = annotations[changeCause];
  const create: ControllerRevision = {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...set.spec.template.metadata?.labels, [revisionHashLabel]: hash },
      annotations: cause === undefined ? {} : { [changeCause]: cause },
      ownerReferences: [controllerReference(set)],
    },
    data,
    revision: newest + 1,
  };
  return { hash, create, renumber: undefined, remove: outdated(set, revisions, undefined, pods) };
}

/** The oldest beyond the limit, but none that a Pod was made from. */
function outdated(
  { spec }: DaemonSet,
  revisions: readonly ControllerRevision[],
  current: ControllerRevision | undefined,
  pods: readonly Pod[],
): ControllerRevision[] {
  const used = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionHashLabel]));
  const old = revisions
    .filter((one) => one !== current && !used.has(one.metadata.labels?.[revisionHashLabel]))
    .sort((left, right) => left.revision - right.revision);
  return old.slice(0, Math.max(0, old.length - (spec.revisionHistoryLimit ?? defaultLimit)));
}
