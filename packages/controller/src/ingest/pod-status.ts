import { cloneJson, type Instant, toRfc3339 } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import type { Container, ContainerState, ContainerStatus, Pod, PodPhase, PodStatus } from "@selvedge/kinds";
import { type ConditionSays, setCondition } from "../objects/conditions.ts";
import { isGoing } from "../objects/pods.ts";
import { sizeStatus } from "./container-sizes.ts";
import { timeOfNode } from "./node-time.ts";
import { makeRoom, saidConditions } from "./said-conditions.ts";

const phases: readonly PodPhase[] = ["Pending", "Running", "Succeeded", "Failed"];
/** Conditions that are decided here, from what runs; the node's word on them is not needed. */
const derived = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
/** Conditions that are there only as long as the node says so. */
const passing = ["PodResizePending", "PodResizeInProgress"];

/**
 * A Pod's status from what its node says of the app. `halted` means that nothing of it runs and nothing
 * will: a Pod that is being deleted then ends in a final phase, which is what lets it be removed.
 */
export function podStatusOf(pod: Pod, report: ext.AppReport, halted: boolean, now: Instant): PodStatus {
  const before = pod.status ?? {};
  const containers = statusesOf(pod.spec.containers, report.containers);
  const inits = statusesOf(pod.spec.initContainers ?? [], report.initContainers);
  const phase = halted && isGoing(pod) ? finalPhase(containers) : phaseOf(report.phase, before.phase);
  const status: PodStatus = {
    ...before,
    phase,
    startTime: before.startTime ?? toRfc3339(timeOfNode(report.startedAt) ?? now),
    containerStatuses: containers,
  };
  if (inits.length > 0) status.initContainerStatuses = inits;
  const added = statusesOf(pod.spec.ephemeralContainers ?? [], report.ephemeralContainers);
  if (added.length > 0) status.ephemeralContainerStatuses = added;
  setText(status, "reason", report.reason);
  setText(status, "message", report.message);
  setAddresses(status, report.podIp, report.hostIp);
  status.conditions = cloneJson(before.conditions ?? []);
  setReadiness(pod, status, now);
  const isDerived = (type: string): boolean => derived.includes(type);
  const said = saidConditions(report.conditions, isDerived);
  const isSaid = (type: string): boolean => said.some((one) => one.type === type);
  status.conditions = status.conditions.filter(({ type }) => !passing.includes(type) || isSaid(type));
  makeRoom(status.conditions, said, isDerived);
  for (const { at, ...says } of said) setCondition(status.conditions, says, timeOfNode(at) ?? now);
  return status;
}

/**
 * Puts the conditions that follow from the containers. Also used when a node that was silent is heard
 * again.
 */
export function setReadiness(pod: Pod, status: PodStatus, now: Instant): boolean {
  status.conditions ??= [];
  const { conditions, phase } = status;
  const containers = status.containerStatuses ?? [];
  const sidecars = sidecarsOf(pod);
  const incomplete = (status.initContainerStatuses ?? [])
    .filter(({ name, state, started }) =>
      sidecars.has(name) ? started !== true : state?.terminated?.exitCode !== 0,
    )
    .map(({ name }) => name);
  const initialized =
    incomplete.length === 0 ||
    containers.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined);
  const beside = (status.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  const waiting = [...beside, ...containers].filter(({ ready }) => !ready).map(({ name }) => name);
  const over = phase === "Succeeded" || phase === "Failed";
  const ready = !over && containers.length > 0 && waiting.length === 0;
  const why = ready
    ? {}
    : over
      ? { reason: phase === "Succeeded" ? "PodCompleted" : "PodFailed" }
      : { reason: "ContainersNotReady", message: `containers with unready status: [${waiting.join(" ")}]` };
  const says = { status: ready ? "True" : "False", ...why } as const;
  const changes = [
    setCondition(conditions, { type: "PodScheduled", status: "True" }, now),
    setCondition(
      conditions,
      initialized
        ? { type: "Initialized", status: "True" }
        : {
            ...{ type: "Initialized", status: "False", reason: "ContainersNotInitialized" },
            message: `containers with incomplete status: [${incomplete.join(" ")}]`,
          },
      now,
    ),
    setCondition(conditions, { type: "ContainersReady", ...says }, now),
    setCondition(conditions, { type: "Ready", ...(ready ? gated(pod, conditions) : says) }, now),
  ];
  return changes.includes(true);
}

function sidecarsOf({ spec }: Pod): Set<string> {
  const all = spec.initContainers ?? [];
  return new Set(all.filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name));
}

/** What others must say of a Pod whose containers are ready. */
function gated({ spec }: Pod, conditions: NonNullable<PodStatus["conditions"]>): Omit<ConditionSays, "type"> {
  const shut = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = conditions.find(({ type }) => type === conditionType);
    if (found?.status === "True") return [];
    const what = found === undefined ? "does not exist" : 'status is not "True"';
    return [`corresponding condition of pod readiness gate "${conditionType}" ${what}.`];
  });
  if (shut.length === 0) return { status: "True" };
  return { status: "False", reason: "ReadinessGatesNotReady", message: shut.join(", ") };
}

/** In the order of the spec, with one for each container, as kubectl expects. */
function statusesOf(
  specs: readonly Pick<Container, "name" | "image" | "resources">[],
  reports: readonly ext.ContainerReport[],
): ContainerStatus[] {
  return specs.map(({ name, image = "", resources = {} }) => {
    const report = reports.find((one) => one.name === name);
    if (report === undefined) {
      return {
        ...{ name, image, imageID: "", ready: false, started: false, restartCount: 0 },
        state: { waiting: { reason: "ContainerCreating" } },
      };
    }
    const status: ContainerStatus = {
      name,
      image: report.image || image,
      imageID: report.imageId,
      ready: report.ready,
      started: report.started,
      restartCount: report.restartCount,
      state: stateOf(report.state, report.containerId) ?? { waiting: { reason: "ContainerCreating" } },
    };
    if (report.containerId !== "") status.containerID = withScheme(report.containerId);
    const last = stateOf(report.lastState, report.containerId);
    if (last !== undefined) status.lastState = last;
    return { ...status, ...sizeStatus({ name, resources }, report.resources) };
  });
}

function stateOf(state: ext.ContainerState | undefined, containerId: string): ContainerState | undefined {
  const { case: kind, value } = state?.state ?? { case: undefined };
  switch (kind) {
    case "waiting":
      return {
        waiting: {
          ...(value.reason && { reason: value.reason }),
          ...(value.message && { message: value.message }),
        },
      };
    case "running":
      return { running: { startedAt: timeText(value.startedAt) } };
    case "terminated":
      return {
        terminated: {
          exitCode: value.exitCode,
          ...(value.signal !== 0 && { signal: value.signal }),
          ...(value.reason && { reason: value.reason }),
          ...(value.message && { message: value.message }),
          startedAt: timeText(value.startedAt),
          finishedAt: timeText(value.finishedAt),
          ...(containerId && { containerID: withScheme(containerId) }),
        },
      };
    case undefined:
      return undefined;
  }
}

function phaseOf(reported: string, before: PodPhase | undefined): PodPhase {
  return phases.find((phase) => phase === reported) ?? before ?? "Pending";
}

function finalPhase(containers: readonly ContainerStatus[]): PodPhase {
  return containers.every(({ state }) => state?.terminated?.exitCode === 0) ? "Succeeded" : "Failed";
}

function setText(status: PodStatus, field: "reason" | "message", text: string): void {
  if (text === "") delete status[field];
  else status[field] = text;
}

function setAddresses(status: PodStatus, podIp: string, hostIp: string): void {
  if (podIp !== "") {
    status.podIP = podIp;
    status.podIPs = [{ ip: podIp }];
  }
  if (hostIp !== "") {
    status.hostIP = hostIp;
    status.hostIPs = [{ ip: hostIp }];
  }
}

function withScheme(id: string): string {
  return id.includes("://") ? id : `selvedge://${id}`;
}

function timeText(at: bigint): string | null {
  const known = timeOfNode(at);
  return known === undefined ? null : toRfc3339(known);
}
