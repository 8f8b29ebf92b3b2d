/** What `kubectl get pods` shows, as upstream computes it from a Pod's status. */
import type { Column } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { ageColumn, column, nameColumn, timeSince } from "../columns.ts";
import type { ContainerState, ContainerStatus, Pod } from "./pod-types.ts";

export const podColumns: readonly Column[] = [
  nameColumn,
  column<Pod>("Ready", "Containers that are ready, of all.", (pod) => summarize(pod).ready),
  column<Pod>("Status", "How its containers are, in a word.", (pod) => summarize(pod).status),
  column<Pod>("Restarts", "How often containers were started again, and when last.", (pod, now) =>
    restartsText(summarize(pod), now),
  ),
  ageColumn,
  column<Pod>(
    "IP",
    "Its address in its node's network.",
    ({ status }) => status?.podIPs?.[0]?.ip || "<none>",
    1,
  ),
  column<Pod>("Node", "The node it runs on.", ({ spec }) => spec.nodeName || "<none>", 1),
  column<Pod>(
    "Nominated Node",
    "The node it is about to be placed on.",
    ({ status }) => status?.nominatedNodeName || "<none>",
    1,
  ),
  column<Pod>("Readiness Gates", "Conditions of others that are true, of all it waits for.", gatesText, 1),
];

interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: number;
  /** When a container last ended to be started again. */
  readonly restartedAt: string | undefined;
}

/** What the status of the kinds of containers adds up to. */
interface Tally {
  word: string;
  ready: number;
  restarts: number;
  restartedAt: string | undefined;
}

function summarize(pod: Pod): PodSummary {
  const { spec, status = {}, metadata } = pod;
  const phase = status.phase ?? "";
  const sidecars = new Set(
    spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name),
  );
  const gated = status.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  const tally: Tally = {
    word: gated ? "SchedulingGated" : status.reason || phase,
    ...{ ready: 0, restarts: 0, restartedAt: undefined },
  };
  const isInitializing = addInitContainers(pod, sidecars, tally);
  if (!isInitializing || isTrue(pod, "Initialized")) {
    // From here on what the init containers did before is of no interest any more.
    const lasting = (status.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
    tally.restarts = lasting.reduce((sum, { restartCount }) => sum + restartCount, 0);
    tally.restartedAt = latest(lasting.map(endOf));
    addContainers(pod, tally);
  }
  const isOver = phase === "Succeeded" || phase === "Failed";
  const isLeaving = metadata.deletionTimestamp !== undefined;
  if (isLeaving && status.reason === "NodeLost") tally.word = "Unknown";
  else if (isLeaving && !isOver) tally.word = "Terminating";
  const { word, ready, restarts, restartedAt } = tally;
  const total = spec.containers.length + sidecars.size;
  return { ready: `${ready}/${total}`, status: word, restarts, restartedAt };
}

/** True when an init container is still at work or has failed: then the Pod's word is about it. */
function addInitContainers({ spec, status }: Pod, sidecars: ReadonlySet<string>, tally: Tally): boolean {
  const total = spec.initContainers?.length ?? 0;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const { state = {}, restartCount, started, ready, name } = container;
    tally.restarts += restartCount;
    tally.restartedAt = latest([tally.restartedAt, endOf(container)]);
    if (state.terminated?.exitCode === 0) continue;
    if (sidecars.has(name) && started === true) {
      if (ready) tally.ready++;
      continue;
    }
    tally.word = `Init:${initWord(state, index, total)}`;
    return true;
  }
  return false;
}

function initWord({ terminated, waiting }: ContainerState, index: number, total: number): string {
  if (terminated !== undefined) return terminated.reason || exitWord(terminated);
  if (waiting?.reason && waiting.reason !== "PodInitializing") return waiting.reason;
  return `${index}/${total}`;
}

function addContainers(pod: Pod, tally: Tally): void {
  let isRunning = false;
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { state: { waiting, terminated, running } = {}, ready } = container;
    tally.restarts += container.restartCount;
    tally.restartedAt = latest([tally.restartedAt, endOf(container)]);
    if (waiting?.reason) tally.word = waiting.reason;
    else if (terminated !== undefined) tally.word = terminated.reason || exitWord(terminated);
    else if (ready && running !== undefined) {
      isRunning = true;
      tally.ready++;
    }
  }
  if (tally.word === "Completed" && isRunning) tally.word = isTrue(pod, "Ready") ? "Running" : "NotReady";
}

function exitWord({ signal, exitCode }: { signal?: number; exitCode: number }): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function endOf({ lastState }: ContainerStatus): string | undefined {
  return lastState?.terminated?.finishedAt ?? undefined;
}

function latest(times: readonly (string | undefined)[]): string | undefined {
  let found: string | undefined;
  for (const time of times) {
    if (time !== undefined && (found === undefined || Date.parse(time) > Date.parse(found))) found = time;
  }
  return found;
}

function isTrue({ status }: Pod, wanted: string): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === wanted && is === "True") ?? false;
}

function restartsText({ restarts, restartedAt }: PodSummary, now: Instant): string {
  if (restarts === 0 || restartedAt === undefined) return `${restarts}`;
  return `${restarts} (${timeSince(restartedAt, now)} ago)`;
}

function gatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  return `${gates.filter(({ conditionType }) => isTrue(pod, conditionType)).length}/${gates.length}`;
}
