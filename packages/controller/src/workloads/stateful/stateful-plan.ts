import type { Instant } from "@selvedge/base";
import type { Pod, PodTemplateSpec, StatefulSet, StatefulSetStatus } from "@selvedge/kinds";
import { isAvailable, isGoing, isOver, isReady } from "../../objects/pods.ts";
import { amountOf } from "../int-or-percent.ts";
import { ordinalOf, revisionOf, statefulPod } from "./stateful-pods.ts";

/** A template and the name of the revision that holds it. */
export interface Revision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

export interface StatefulInputs {
  readonly set: StatefulSet;
  /** The set's own Pods. */
  readonly pods: readonly Pod[];
  /** What Pods were before a change that is under way; the same as `update` when none is. */
  readonly current: Revision;
  readonly update: Revision;
  readonly now: Instant;
}

export interface StatefulPlan {
  readonly create: readonly { readonly pod: Pod; readonly ordinal: number }[];
  readonly remove: readonly Pod[];
  readonly status: StatefulSetStatus;
  /** Milliseconds after which time alone may change the plan; undefined: never. */
  readonly again: number | undefined;
}

/** Decides one step for a StatefulSet, in the order upstream keeps. Pure. */
export function planStatefulSet(inputs: StatefulInputs): StatefulPlan {
  const { set, pods, now } = inputs;
  const places = placesOf(inputs);
  const step = nextStep(inputs, places);
  const wait = set.spec.minReadySeconds ?? 0;
  const maturing = wait > 0 && pods.some((pod) => isReady(pod) && !isAvailable(pod, wait, now));
  return { ...step, status: statusOf(inputs), again: maturing ? wait * 1000 : undefined };
}

interface Places {
  /** The Pods there should be, by number; undefined where there is none. */
  readonly wanted: readonly { readonly ordinal: number; readonly pod: Pod | undefined }[];
  /** The others, the highest number first. */
  readonly condemned: readonly Pod[];
}

type Step = Pick<StatefulPlan, "create" | "remove">;

function placesOf({ set, pods }: StatefulInputs): Places {
  const start = set.spec.ordinals?.start ?? 0;
  const count = set.spec.replicas ?? 1;
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod) ?? -1, pod]));
  const wanted = Array.from({ length: count }, (_, at) => ({
    ordinal: start + at,
    pod: byOrdinal.get(start + at),
  }));
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal >= 0 && (ordinal < start || ordinal >= start + count))
    .sort(([left], [right]) => right - left)
    .map(([, pod]) => pod);
  return { wanted, condemned };
}

function nextStep(inputs: StatefulInputs, places: Places): Step {
  const { set } = inputs;
  const inOrder = set.spec.podManagementPolicy !== "Parallel";
  const create: { pod: Pod; ordinal: number }[] = [];
  const remove: Pod[] = [];
  const step = { create, remove };
  for (const { ordinal, pod } of places.wanted) {
    if (pod === undefined) {
      create.push({ pod: podAt(inputs, ordinal), ordinal });
      if (inOrder) return step;
    } else if (isOver(pod)) {
      // Its successor has its name: it comes when this one is gone.
      if (!isGoing(pod)) remove.push(pod);
      if (inOrder) return step;
    } else if (inOrder && (isGoing(pod) || !serves(inputs, pod))) return step;
  }
  const unhealthy = [...places.wanted.flatMap(({ pod }) => pod ?? []), ...places.condemned.toReversed()].find(
    (pod) => !isHealthy(pod),
  );
  for (const pod of places.condemned) {
    if (isGoing(pod)) {
      if (inOrder) return step;
      continue;
    }
    // One that does not serve holds the others, but may go itself.
    if (inOrder && !isHealthy(pod) && pod !== unhealthy) return step;
    remove.push(pod);
    if (inOrder) return step;
  }
  if (set.spec.updateStrategy?.type !== "OnDelete") remove.push(...outdated(inputs, places, remove));
  return step;
}

/** A Pod below the partition that comes back is made from the former template. */
function podAt({ set, current, update }: StatefulInputs, ordinal: number): Pod {
  const start = set.spec.ordinals?.start ?? 0;
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  const kept =
    rollingUpdate === undefined ? (set.status?.currentReplicas ?? 0) : (rollingUpdate.partition ?? 0);
  const isFormer = type !== "OnDelete" && ordinal < start + kept;
  const { template, name } = isFormer ? current : update;
  return statefulPod(set, template, name, ordinal);
}

/** Pods to replace now: the highest number first, the next when that one serves again. */
function outdated({ set, update, now }: StatefulInputs, { wanted }: Places, removed: readonly Pod[]): Pod[] {
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const start = set.spec.ordinals?.start ?? 0;
  const wait = set.spec.minReadySeconds ?? 0;
  const descending = wanted.filter(({ ordinal }) => ordinal >= start + partition).toReversed();
  const isOld = (pod: Pod): boolean =>
    revisionOf(pod) !== update.name && !isGoing(pod) && !removed.includes(pod);
  const away = (pod: Pod | undefined): boolean =>
    pod === undefined || !isHealthy(pod) || !isAvailable(pod, wait, now);
  if (maxUnavailable === undefined) {
    for (const { pod } of descending) {
      if (pod !== undefined && isOld(pod)) return [pod];
      if (away(pod)) return [];
    }
    return [];
  }
  const most = Math.max(1, amountOf(maxUnavailable, set.spec.replicas ?? 1, "up"));
  const room = most - wanted.filter(({ pod }) => away(pod)).length;
  const old = descending.flatMap(({ pod }) => (pod !== undefined && isOld(pod) ? [pod] : []));
  // What does not serve now costs nothing to replace.
  return [...old.filter(away), ...old.filter((pod) => !away(pod)).slice(0, Math.max(0, room))];
}

function isHealthy(pod: Pod): boolean {
  return !isGoing(pod) && pod.status?.phase === "Running" && isReady(pod);
}

function serves({ set, now }: StatefulInputs, pod: Pod): boolean {
  return isHealthy(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

function statusOf(inputs: StatefulInputs): StatefulSetStatus {
  const { set, pods, current, update, now } = inputs;
  const running = pods.filter((pod) => pod.status?.phase === "Running" && isReady(pod));
  const of = (name: string): number =>
    pods.filter((pod) => revisionOf(pod) === name && !isGoing(pod) && !isOver(pod)).length;
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: running.length,
    availableReplicas: running.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length,
    currentReplicas: of(current.name),
    updatedReplicas: of(update.name),
    currentRevision: current.name,
    updateRevision: update.name,
    collisionCount: set.status?.collisionCount ?? 0,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
  const rolls = set.spec.updateStrategy?.type !== "OnDelete";
  const whole = status.updatedReplicas === status.replicas && status.readyReplicas === status.replicas;
  if (rolls && whole && status.replicas === (set.spec.replicas ?? 1)) {
    status.currentReplicas = status.updatedReplicas ?? 0;
    status.currentRevision = update.name;
  }
  return status;
}
