import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import { neededVolumes } from "../desired.ts";
import type { AppStatus, ContentStatus } from "../observed.ts";
import { type AppStep, startDelayed } from "./app-plan.ts";
import {
  type AppRecord,
  allContainers,
  type ConditionRecord,
  type ContainerEnd,
  type ContainerRecord,
  type ContainerRole,
} from "./app-record.ts";
import { type Room, resizeWord, resourcesOf } from "./app-size.ts";
import { contentsOf, rollingBack, takingSnapshot, toldSnapshots } from "./snapshot-book.ts";
import type { SnapshotWish } from "./snapshot-spec.ts";

export interface ReportInputs {
  readonly record: AppRecord;
  readonly step: AppStep;
  readonly machineRuns: boolean;
  readonly stoppingApp: boolean;
  /** Whether what ended is started again by its restart policy. */
  readonly goesOn: boolean;
  readonly content: (id: string) => ContentStatus | undefined;
  /** By container number; absent: not probed. */
  readonly ready: ReadonlyMap<number, boolean>;
  readonly started: ReadonlyMap<number, boolean>;
  /** Why a container cannot be started, by its number. */
  readonly faults: ReadonlyMap<number, { readonly reason: string; readonly message: string }>;
  readonly room: Room;
  readonly podIp: string;
  readonly hostIp: string;
  readonly now: Instant;
  readonly emulated: boolean;
  /** Why the newest specification is not followed. */
  readonly refusal: string | undefined;
  readonly wish: SnapshotWish | undefined;
}

/** What is told of an app, and its record with the conditions' times. Pure. */
export function reportApp(inputs: ReportInputs): { status: AppStatus; record: AppRecord } {
  const phase = phaseOf(inputs.record);
  const reports = allContainers(inputs.record.spec).map(({ container, role, index }) => ({
    role,
    report: containerReport(inputs, container, index),
  }));
  const record = { ...inputs.record, conditions: conditions(inputs, reports) };
  const { end, spec, startedAt } = record;
  const held = inputs.step.do === "wait" ? inputs.step : undefined;
  const report = create(ext.AppReportSchema, {
    phase,
    reason: end?.reason || (held !== undefined && held.reason !== "ContainerCreating" ? held.reason : ""),
    message: end?.message || (held?.message ?? ""),
    podIp: inputs.podIp,
    hostIp: inputs.hostIp,
    startedAt: BigInt(startedAt),
    initContainers: reportsOf(reports, "init", "sidecar"),
    containers: reportsOf(reports, "main"),
    ephemeralContainers: reportsOf(reports, "ephemeral"),
    conditions: record.conditions.map(({ type, status, reason, message, at }) => ({
      ...{ type, status, reason, message, lastTransitionAt: BigInt(at) },
    })),
    events: record.events.map((event) => ({
      ...event,
      firstAt: BigInt(event.firstAt),
      lastAt: BigInt(event.lastAt),
    })),
    observedVersion: spec.version,
  });
  const status: AppStatus = {
    id: record.id,
    displayName: spec.displayName,
    state: stateOf(inputs, phase),
    report,
    errors: [inputs.refusal, record.snapshots?.fault].filter((it) => it !== undefined),
    ...holdings(record),
    ...snapshotPart(inputs),
  };
  return { status, record };
}

/** What must not be removed, because it runs on it or may go back to it. */
function holdings({ machine, spec, snapshots }: AppRecord): Pick<AppStatus, "volumes" | "contents" | "open"> {
  const kept = (snapshots?.records ?? []).filter(({ state }) => state !== "failed");
  const own = neededVolumes(spec).map(({ key }) => key);
  const open = machine?.volumes ?? [];
  return {
    volumes: [...new Set([...open, ...own, ...kept.flatMap(({ volumes }) => volumes)])],
    contents: [...new Set([...contentsOf(spec), ...kept.flatMap(({ contents }) => contents)])],
    ...(open.length === 0 ? {} : { open }),
  };
}

function snapshotPart({ record, wish }: ReportInputs): Pick<AppStatus, "snapshots" | "rollback"> {
  const snapshots = toldSnapshots(record.snapshots, wish);
  const rollback = record.snapshots?.rollback;
  return {
    ...(snapshots.length === 0 ? {} : { snapshots }),
    ...(rollback === undefined ? {} : { rollback }),
  };
}

interface RoleReport {
  readonly role: ContainerRole;
  readonly report: MessageInitShape<typeof ext.ContainerReportSchema>;
}

function reportsOf(reports: readonly RoleReport[], ...roles: ContainerRole[]): RoleReport["report"][] {
  return reports.filter(({ role }) => roles.includes(role)).map(({ report }) => report);
}

export function phaseOf(record: AppRecord): "Pending" | "Running" | "Succeeded" | "Failed" {
  if (record.end !== undefined) return record.end.phase;
  const main = record.containers.filter(({ role }) => role === "main");
  return main.some((it) => it.phase.kind === "running" || it.phase.kind === "ended" || it.last !== undefined)
    ? "Running"
    : "Pending";
}

function stateOf(inputs: ReportInputs, phase: string): AppStatus["state"] {
  const { record, step, machineRuns, stoppingApp } = inputs;
  const off = step.do === "wait" && (step.reason === takingSnapshot || step.reason === rollingBack);
  if (stoppingApp || off) return "halting";
  if (!machineRuns && (record.end !== undefined || !record.spec.active)) return "halted";
  if (!machineRuns && step.do === "wait" && step.reason === startDelayed) return "delayed";
  if (phase === "Running") return "running";
  if (machineRuns) return "booting";
  if (step.do === "wait" && step.reason === "ContainerCreating") return "downloading";
  return step.do === "wait" ? "error" : "init";
}

function containerReport(
  inputs: ReportInputs,
  container: ext.Container,
  index: number,
): MessageInitShape<typeof ext.ContainerReportSchema> {
  const record = inputs.record.containers[index - 1];
  const content = inputs.content(container.contentTreeId);
  const running = record?.phase.kind === "running";
  const last = record?.phase.kind === "ended" && waits(inputs, record) ? record.phase.end : record?.last;
  return {
    name: container.name,
    image: container.image,
    imageId: content?.phase === "ready" ? content.imageId : "",
    containerId:
      record === undefined || record.attempt === 0
        ? ""
        : `selvedge://${inputs.record.id}/${container.name}/${record.attempt}`,
    ready: record?.role === "init" ? succeeded(record) : running && (inputs.ready.get(index) ?? true),
    started: running && (inputs.started.get(index) ?? true),
    restartCount: record?.restarts ?? 0,
    state: state(inputs, container, record, index),
    ...(last === undefined ? {} : { lastState: terminated(last) }),
    ...sizePart(inputs.record, container.name),
  };
}

function sizePart({ size }: AppRecord, container: string): { resources?: ext.Resources } {
  const found = size?.containers.find(({ name }) => name === container);
  return found === undefined ? {} : { resources: resourcesOf(found) };
}

/** Ended, but to be started again: Kubernetes shows such a container as waiting. */
function waits({ record: app, goesOn }: ReportInputs, { phase, role }: ContainerRecord): boolean {
  if (phase.kind !== "ended" || !goesOn || role === "ephemeral") return false;
  if (role === "sidecar") return true;
  const policy = app.spec.pod.restartPolicy;
  if (policy === ext.RestartPolicy.NEVER) return false;
  return phase.end.exitCode !== 0 || (role === "main" && policy !== ext.RestartPolicy.ON_FAILURE);
}

type StateInit = MessageInitShape<typeof ext.ContainerStateSchema>;

function state(
  inputs: ReportInputs,
  container: ext.Container,
  record: ContainerRecord | undefined,
  index: number,
): StateInit {
  const phase = record?.phase;
  if (phase?.kind === "running")
    return { state: { case: "running", value: { startedAt: BigInt(phase.startedAt) } } };
  if (phase?.kind === "ended" && record !== undefined && !waits(inputs, record)) return terminated(phase.end);
  return { state: { case: "waiting", value: waitingReason(inputs, container, record, index) } };
}

function waitingReason(
  inputs: ReportInputs,
  container: ext.Container,
  record: ContainerRecord | undefined,
  index: number,
): { reason: string; message: string } {
  const fault = inputs.faults.get(index);
  if (fault !== undefined) return fault;
  const content = inputs.content(container.contentTreeId);
  if (content?.phase === "failed") return { reason: content.reason, message: content.message };
  if (record?.phase.kind === "ended" && record.backoffMs > 0) {
    const { namespace, name } = inputs.record.spec.pod;
    const seconds = Math.round(record.backoffMs / 1000);
    const message = `back-off ${seconds}s restarting failed container=${container.name} pod=${name}_${namespace}`;
    return { reason: "CrashLoopBackOff", message };
  }
  // As kubelet has it, for every container of a Pod with init containers, the init containers themselves too.
  const first = inputs.record.containers.some(({ role }) => role === "init" || role === "sidecar")
    ? "PodInitializing"
    : "ContainerCreating";
  if (inputs.step.do !== "wait") return { reason: first, message: "" };
  const { reason, message } = inputs.step;
  return { reason: reason === "ContainerCreating" ? first : reason, message };
}

function terminated(end: ContainerEnd): StateInit {
  return {
    state: {
      case: "terminated",
      value: { ...end, startedAt: BigInt(end.startedAt), finishedAt: BigInt(end.finishedAt) },
    },
  };
}

function succeeded({ phase }: ContainerRecord): boolean {
  return phase.kind === "ended" && phase.end.exitCode === 0;
}

function conditions(inputs: ReportInputs, reports: readonly RoleReport[]): ConditionRecord[] {
  const { record, now } = inputs;
  const unready = reportsOf(reports, "sidecar", "main").flatMap(({ ready, name = "" }) =>
    ready ? [] : [name],
  );
  const uninitialized = record.containers
    .filter((it, at) => {
      const { role, phase } = it;
      // One that has been up has let the others begin, whatever became of it.
      if (role === "sidecar") return phase.kind !== "ended" && !inputs.started.get(at + 1) && !it.last;
      return role === "init" && !succeeded(it);
    })
    .map(({ name }) => name);
  const unreadyReason = record.end?.phase === "Succeeded" ? "PodCompleted" : "ContainersNotReady";
  const unreadyText = `containers with unready status: [${unready.join(" ")}]`;
  const ready = unready.length === 0 ? ["True", "", ""] : ["False", unreadyReason, unreadyText];
  const initialized =
    uninitialized.length === 0
      ? ["True", "", ""]
      : [
          "False",
          "ContainersNotInitialized",
          `containers with incomplete status: [${uninitialized.join(" ")}]`,
        ];
  const rows: [type: string, ...rest: string[]][] = [
    ["PodReadyToStartContainers", inputs.machineRuns ? "True" : "False", "", ""],
    ["Initialized", ...initialized],
    ["Ready", ...ready],
    ["ContainersReady", ...ready],
    [
      "selvedge.dev/HardwareVirtualization",
      ...(inputs.emulated
        ? ["False", "Emulated", "this node has no hardware virtualization; the app runs under emulation"]
        : ["True", "", ""]),
    ],
  ];
  const resize = record.machine && resizeWord(record.spec, record.size, inputs.room);
  if (resize !== undefined) rows.push([resize.type, "True", resize.reason, resize.message]);
  return rows.map(([type, status = "", reason = "", message = ""]) => {
    const before = record.conditions.find((it) => it.type === type);
    const at = before !== undefined && before.status === status ? before.at : now;
    return { type, status: status === "True" ? "True" : "False", reason, message, at };
  });
}
