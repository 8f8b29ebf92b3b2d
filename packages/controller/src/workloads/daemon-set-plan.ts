import type { Instant } from "@selvedge/base";
import type { DaemonSet, DaemonSetStatus, Node, Pod, Toleration } from "@selvedge/kinds";
import { isAvailable, isGoing, isOver, isReady } from "../objects/pods.ts";
import { namedNodes, untoleratedTaint, wantsNode } from "../scheduling/node-match.ts";
import { replacementDelay } from "./failed-pods.ts";
import { revisionHashLabel } from "./history.ts";
import { amountOf } from "./int-or-percent.ts";
import { podFromTemplate } from "./template.ts";

export interface DaemonSetInputs {
  readonly set: DaemonSet;
  readonly hash: string;
  readonly nodes: readonly Node[];
  /** The set's own Pods. */
  readonly pods: readonly Pod[];
  readonly now: Instant;
}

export interface DaemonSetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly { readonly pod: Pod; readonly why: "extra" | "failed" | "update" | "unwanted" }[];
  readonly status: DaemonSetStatus;
  /** Milliseconds after which time alone may change the plan; undefined: never. */
  readonly again: number | undefined;
}

/** What the Pods of one node are. */
interface Place {
  readonly node: Node;
  readonly shouldRun: boolean;
  readonly shouldStay: boolean;
  readonly live: readonly Pod[];
  readonly going: readonly Pod[];
  readonly over: readonly Pod[];
}

/** As upstream: a daemon stays where ordinary Pods would be sent away or not begin. */
const daemonTolerations: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  // A node that is silent now gets its Pod at its first word: the change waits for it, not the other way
  // round.
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];

/** A result, and on the way to it a pause after each thing that was looked at. */
type Steps<T> = Generator<undefined, T>;

/**
 * Decides one step for a DaemonSet: which Pods to make, which to end, and what to say of it. Pure, and of as many
 * steps as there are nodes: in a large fleet others have their turn between them.
 */
export function* planDaemonSet(inputs: DaemonSetInputs): Steps<DaemonSetPlan> {
  const { set, hash, nodes, pods, now } = inputs;
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const name = nodeOf(pod);
    const there = byNode.get(name);
    if (there === undefined) byNode.set(name, [pod]);
    else there.push(pod);
    yield;
  }
  const example = exampleOf(set, hash);
  const places: Place[] = [];
  for (const node of nodes) {
    places.push(placeOf(example, node, byNode.get(node.metadata.name) ?? []));
    byNode.delete(node.metadata.name);
    yield;
  }
  const create = new Set<string>();
  const remove = new Map<Pod, DaemonSetPlan["remove"][number]["why"]>();
  let again: number | undefined;
  for (const place of places) {
    const delay = managePlace(place, hash, surgeOf(set) > 0, now, create, remove);
    if (delay > 0) again = Math.min(again ?? delay, delay);
    yield;
  }
  // Pods of nodes that are gone; their removal needs nobody's consent.
  for (const pod of [...byNode.values()].flat()) if (!isGoing(pod)) remove.set(pod, "unwanted");
  if (set.spec.updateStrategy?.type !== "OnDelete") yield* rollPlaces(inputs, places, create, remove);
  const waits = set.spec.minReadySeconds ?? 0;
  if (waits > 0 && pods.some((pod) => isReady(pod) && !isAvailable(pod, waits, now))) {
    again = Math.min(again ?? waits * 1000, waits * 1000);
  }
  const made: Pod[] = [];
  for (const name of create) {
    made.push(podFor(set, hash, name));
    yield;
  }
  const status = yield* statusOf(inputs, places);
  return { create: made, remove: [...remove].map(([pod, why]) => ({ pod, why })), status, again };
}

/** The node a Pod of a DaemonSet is on, or is meant for. */
function nodeOf(pod: Pod): string {
  return pod.spec.nodeName || namedNodes(pod)?.[0] || "";
}

function placeOf(example: Pod, node: Node, pods: readonly Pod[]): Place {
  const wants = wantsNode(example, node);
  const shouldRun = wants && untoleratedTaint(example, node, ["NoSchedule", "NoExecute"]) === undefined;
  const shouldStay = shouldRun || (wants && untoleratedTaint(example, node, ["NoExecute"]) === undefined);
  const [live, going, over]: [Pod[], Pod[], Pod[]] = [[], [], []];
  for (const pod of pods) (isGoing(pod) ? going : isOver(pod) ? over : live).push(pod);
  live.sort(byAge);
  return { node, shouldRun, shouldStay, live, going, over };
}

/**
 * One Pod where one should be, none where none should. Returns for how long a failed Pod is left before its
 * successor.
 */
function managePlace(
  place: Place,
  hash: string,
  surge: boolean,
  now: Instant,
  create: Set<string>,
  remove: Map<Pod, DaemonSetPlan["remove"][number]["why"]>,
): number {
  const { node, live, going, over } = place;
  if (!place.shouldStay) {
    for (const pod of [...live, ...over]) remove.set(pod, "unwanted");
    return 0;
  }
  const delay = replacementDelay(over, now);
  if (over.length > 0 && delay === 0) for (const pod of over) remove.set(pod, "failed");
  const groups = surge
    ? [live.filter((pod) => isOf(pod, hash)), live.filter((pod) => !isOf(pod, hash))]
    : [live];
  for (const group of groups) for (const pod of group.slice(1)) remove.set(pod, "extra");
  if (place.shouldRun && live.length === 0 && going.length === 0 && over.length === 0) {
    create.add(node.metadata.name);
  }
  return delay;
}

/** Replaces Pods of older templates, never more at once than the strategy allows. */
function* rollPlaces(
  { set, hash, now }: DaemonSetInputs,
  places: readonly Place[],
  create: Set<string>,
  remove: Map<Pod, DaemonSetPlan["remove"][number]["why"]>,
): Steps<void> {
  const desired = places.filter(({ shouldRun }) => shouldRun).length;
  const { maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const surge = amountOf(surgeOf(set), desired, "up");
  const available = (pod: Pod): boolean => isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  let unavailable = 0;
  let surging = 0;
  const broken: Place[] = [];
  const candidates: Place[] = [];
  for (const place of places) {
    let [fresh, old]: (Pod | undefined)[] = [];
    for (const pod of place.live) {
      if (remove.has(pod)) continue;
      if (isOf(pod, hash)) fresh ??= pod;
      else old ??= pod;
    }
    if (surge > 0 && fresh !== undefined && old !== undefined) {
      if (available(fresh)) remove.set(old, "update");
      else surging++;
    } else if (old !== undefined && fresh === undefined) {
      (available(old) ? candidates : broken).push(place);
      if (!available(old)) unavailable++;
    } else if (place.shouldRun && (fresh === undefined || !available(fresh))) unavailable++;
    yield;
  }
  // A Pod that does not serve now costs nothing to replace; the others wait for their turn.
  const budget =
    surge > 0 ? surge - surging : Math.max(0, amountOf(maxUnavailable, desired, "up") - unavailable);
  for (const place of [...broken, ...candidates.slice(0, Math.max(0, budget))]) {
    const old = place.live.find((pod) => !isOf(pod, hash));
    if (surge > 0) create.add(place.node.metadata.name);
    else if (old !== undefined) remove.set(old, "update");
  }
}

function* statusOf({ set, hash, now }: DaemonSetInputs, places: readonly Place[]): Steps<DaemonSetStatus> {
  const status: DaemonSetStatus = {
    ...{ currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
    ...{ updatedNumberScheduled: 0, numberAvailable: 0, numberUnavailable: 0 },
    observedGeneration: set.metadata.generation ?? 0,
    ...(set.status?.collisionCount === undefined ? {} : { collisionCount: set.status.collisionCount }),
  };
  let updated = 0;
  let available = 0;
  for (const { shouldRun, live, going, over } of places) {
    yield;
    const all = live.length + going.length + over.length;
    if (!shouldRun) {
      if (all > 0) status.numberMisscheduled++;
      continue;
    }
    status.desiredNumberScheduled++;
    if (all === 0) continue;
    status.currentNumberScheduled++;
    if (live.some(isReady)) status.numberReady++;
    if (live.some((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now))) available++;
    if (live.some((pod) => isOf(pod, hash))) updated++;
  }
  status.updatedNumberScheduled = updated;
  status.numberAvailable = available;
  status.numberUnavailable = status.desiredNumberScheduled - available;
  return status;
}

/** A Pod of the set for no node in particular. */
function exampleOf(set: DaemonSet, hash: string): Pod {
  const pod = podFromTemplate(set, set.spec.template);
  pod.metadata.labels = { ...pod.metadata.labels, [revisionHashLabel]: hash };
  pod.spec.tolerations = [...(pod.spec.tolerations ?? []), ...daemonTolerations];
  return pod;
}

/** The same for one node: its affinity names it, and the scheduler binds it. */
function podFor(set: DaemonSet, hash: string, nodeName: string): Pod {
  const pod = exampleOf(set, hash);
  const { spec } = pod;
  const nodeAffinity = { ...spec.affinity?.nodeAffinity };
  const here = { key: "metadata.name", operator: "In" as const, values: [nodeName] };
  const terms = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution = {
    nodeSelectorTerms: terms.map((term) => ({ ...term, matchFields: [here] })),
  };
  spec.affinity = { ...spec.affinity, nodeAffinity };
  return pod;
}

function surgeOf({ spec }: DaemonSet): number {
  return amountOf(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, 100, "up");
}

function isOf({ metadata }: Pod, hash: string): boolean {
  return metadata.labels?.[revisionHashLabel] === hash;
}

function byAge(left: Pod, right: Pod): number {
  const age = ({ metadata }: Pod): string => `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return age(left) < age(right) ? -1 : 1;
}
