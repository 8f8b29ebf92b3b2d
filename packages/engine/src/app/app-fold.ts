import { assert, type Instant } from "@selvedge/base";
import type { AppSpec } from "../desired.ts";
import { type AppEventInput, withEvents } from "./app-events.ts";
import {
  type AppRecord,
  allContainers,
  type ContainerEnd,
  type ContainerRecord,
  newContainer,
} from "./app-record.ts";
import type { ContainerRun } from "./hypervisor.ts";

/** What is seen of an app's machine now. */
export interface MachineView {
  readonly runs: boolean;
  /** The guest has told us everything it knows. */
  readonly connected: boolean;
  /** By container number. */
  readonly containers: ReadonlyMap<number, ContainerRun>;
  /** What the machine said before it ended, when it does not run. */
  readonly lastWords: string;
  readonly bootId: string;
}

/** A container that ran this long has recovered: its next crash is a first one. */
const recoveredMs = 10 * 60_000;
const messageMax = 1024;

/** Brings what is remembered up to what is seen. Pure, and the same view again changes nothing. */
export function foldView(record: AppRecord, view: MachineView, now: Instant): AppRecord {
  if (record.machine === undefined) return record;
  if (!view.runs) return machineEnded(record, view, now);
  if (!view.connected) return record;
  const events: AppEventInput[] = [];
  const containers = record.containers.map((container, at) => {
    const run = view.containers.get(at + 1);
    if (run === undefined || run.attempt !== container.attempt) return container;
    return foldRun(container, run, events, now);
  });
  if (containers.every((container, at) => container === record.containers[at])) return record;
  return withEvents({ ...record, containers }, events, now);
}

function foldRun(
  container: ContainerRecord,
  run: ContainerRun,
  events: AppEventInput[],
  now: Instant,
): ContainerRecord {
  const { phase, name } = container;
  if (phase.kind === "idle" || phase.kind === "ended") return container;
  const started = {
    type: "Normal",
    reason: "Started",
    message: `Started container ${name}`,
    container: name,
  };
  if (run.phase === "running") {
    if (phase.kind === "running") return container;
    events.push(started as AppEventInput);
    return { ...container, phase: { kind: "running", startedAt: run.startedAt } };
  }
  if (run.phase === "failed") {
    const message = `failed to start container: ${run.message}`;
    events.push({ type: "Warning", reason: "Failed", message: `Error: ${message}`, container: name });
    return ended(container, {
      ...{ exitCode: 128, signal: 0, reason: "StartError", message, startedAt: now, finishedAt: now },
    });
  }
  if (phase.kind === "starting") events.push(started as AppEventInput);
  const reason = run.outOfMemory ? "OOMKilled" : run.code === 0 ? "Completed" : "Error";
  // The record's own start is kept: told again after a reconnection it would differ by milliseconds.
  const startedAt = phase.kind === "running" ? phase.startedAt : run.startedAt;
  const { code: exitCode, signal, finishedAt } = run;
  const end = { exitCode, signal, reason, message: run.message ?? "", startedAt, finishedAt };
  return ended(container, end, run.finishedAt - run.startedAt);
}

function ended(container: ContainerRecord, end: ContainerEnd, ranMs = 0): ContainerRecord {
  const backoffMs = ranMs >= recoveredMs ? 0 : container.backoffMs;
  return { ...container, phase: { kind: "ended", end }, backoffMs };
}

/** The machine is gone, and with it everything that ran in it. */
function machineEnded(record: AppRecord, view: MachineView, now: Instant): AppRecord {
  const { machine } = record;
  assert(machine !== undefined, "a machine that ended was there");
  const rebooted = machine.bootId !== view.bootId;
  const message = rebooted
    ? "The node was restarted"
    : `The machine ended: ${view.lastWords}`.slice(0, messageMax);
  let lost = false;
  const containers = record.containers.map((container) => {
    if (container.phase.kind === "ended" && machine.goingOn.includes(container.name))
      return { ...container, phase: { kind: "idle" as const }, last: container.phase.end };
    if (container.phase.kind === "starting" && container.attempt > 0) {
      lost = true;
      const end = { exitCode: 255, signal: 0, reason: "Unknown", message, startedAt: now, finishedAt: now };
      return ended(container, end);
    }
    if (container.phase.kind !== "running") return container;
    lost = true;
    const { startedAt } = container.phase;
    const end = { exitCode: 255, signal: 0, reason: "Unknown", message, startedAt, finishedAt: now };
    // A reboot is no fault of the container: it does not wait as one that crashes does.
    return { ...ended(container, end), backoffMs: rebooted ? 0 : container.backoffMs };
  });
  const event: AppEventInput = { type: "Warning", reason: "SandboxChanged", message };
  return withEvents({ ...record, containers, machine: undefined }, lost ? [event] : [], now);
}

/** Of an app that is switched on again: what was stopped with it has no crash to wait for. */
export function afresh(container: ContainerRecord): ContainerRecord {
  const { phase } = container;
  return phase.kind === "ended" && container.role !== "ephemeral"
    ? { ...container, phase: { kind: "idle" }, last: phase.end, backoffMs: 0 }
    : container;
}

/** Takes over a newer specification; containers keep what is known of them by name. */
export function foldSpec(record: AppRecord, spec: AppSpec): AppRecord {
  if (record.spec.revision === spec.revision) return record;
  const known = new Map(record.containers.map((it) => [it.name, it]));
  const next = inOldOrder(spec, record.spec);
  const containers = allContainers(next).map(({ container, role }) => {
    const before = known.get(container.name);
    if (before === undefined || before.role !== role) return newContainer(container.name, role);
    return spec.active && !record.spec.active ? afresh(before) : before;
  });
  return { ...record, spec: next, containers };
}

/** A container's number in the guest is its place: what was added earlier keeps it, in whatever order it is told. */
function inOldOrder(spec: AppSpec, before: AppSpec): AppSpec {
  const { ephemeralContainers: added } = spec.pod;
  if (added.length < 2) return spec;
  const places = new Map(before.pod.ephemeralContainers.map(({ name }, at) => [name, at]));
  const place = (name: string): number => places.get(name) ?? places.size;
  const sorted = [...added].sort((left, right) => place(left.name) - place(right.name));
  return { ...spec, pod: { ...spec.pod, ephemeralContainers: sorted } };
}
