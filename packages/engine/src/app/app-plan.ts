import { ext } from "@selvedge/eve-api";
import { type AppId, type AppSpec, neededVolumes, type VolumeKey, volumeUses } from "../desired.ts";
import type { ContentStatus, DeviceStatus, NicStatus, VolumeStatus } from "../observed.ts";
import type { VaultState } from "../ports.ts";
import {
  type AppEnd,
  type AppRecord,
  allContainers,
  type ContainerRecord,
  ownContainers,
} from "./app-record.ts";
import { hasRoom, isSized, type Room, withSize } from "./app-size.ts";
import { filesFingerprint, machineFingerprint } from "./container-config.ts";
import type { SnapshotHold } from "./snapshot-book.ts";

export interface AppInputs {
  /** Undefined: no longer in the configuration. */
  readonly wanted: AppSpec | undefined;
  readonly record: AppRecord;
  readonly machine: {
    readonly runs: boolean;
    readonly connected: boolean;
    /** By its number: which attempt of a container this connection was asked to start last. */
    readonly asked: ReadonlyMap<number, number>;
  };
  readonly content: (id: string) => ContentStatus | undefined;
  readonly nic: (name: string) => NicStatus | undefined;
  readonly device: (name: string) => DeviceStatus | undefined;
  readonly volume: (key: VolumeKey) => VolumeStatus | undefined;
  /** The app whose machine has the volume, if it is not this one. */
  readonly volumeHolder: (key: VolumeKey) => AppId | undefined;
  readonly node: Room & {
    readonly architecture: string;
    readonly emulated: boolean;
    /** What an app can have for itself. */
    readonly freeProcessors: number;
    readonly upMs: number;
    readonly vault: VaultState;
  };
  /** Since the container's attempt ended. */
  readonly sinceEndMs: (index: number) => number;
  /** Containers whose liveness or start-up probe failed for good, with what to say. */
  readonly unhealthy: ReadonlyMap<number, string>;
  /** Containers that run and are through their start-up probe and hook. */
  readonly started: ReadonlySet<number>;
  /** Containers that are being stopped. */
  readonly stopping: ReadonlySet<number>;
  /** Containers that could not be started as they are configured. */
  readonly faulty: ReadonlySet<number>;
  /** How long the next launch waits because earlier ones failed. */
  readonly launchWaitMs: number;
  readonly activeMs: number;
  /** What is to be done with its volumes while its machine is off. */
  readonly hold: SnapshotHold | undefined;
}

export type AppStep =
  /** What holds the app up; `againMs` when time alone can change it. */
  | {
      readonly do: "wait";
      readonly reason: string;
      readonly message: string;
      readonly againMs: number | undefined;
    }
  | { readonly do: "rest"; readonly againMs: number | undefined }
  | { readonly do: "stop"; readonly why: string }
  | { readonly do: "remove" }
  | { readonly do: "purge" }
  | { readonly do: "finish"; readonly end: AppEnd }
  /** `asBefore`: as large as its machine was last, because there is no room for what is asked for. */
  | { readonly do: "launch"; readonly asBefore?: true }
  | { readonly do: "connect" }
  | { readonly do: "prepare" }
  | { readonly do: "start"; readonly index: number }
  | { readonly do: "stopContainer"; readonly index: number; readonly why: string };

const { ON_FAILURE: onFailure, NEVER: never } = ext.RestartPolicy;

/** Decides the next step of one app, looking at everything anew. Pure. */
export function planApp(inputs: AppInputs): AppStep {
  const { wanted, record, machine } = inputs;
  if (wanted === undefined || !wanted.active || record.end !== undefined) {
    if (machine.runs)
      return { do: "stop", why: record.end === undefined ? "not wanted any more" : "finished" };
    return wanted === undefined ? { do: "remove" } : { do: "rest", againMs: undefined };
  }
  const deadlineMs = Number(wanted.pod.activeDeadlineSeconds) * 1000;
  if (deadlineMs > 0 && inputs.activeMs >= deadlineMs) {
    const message = "Pod was active on the node longer than the specified deadline";
    return { do: "finish", end: { phase: "Failed", reason: "DeadlineExceeded", message } };
  }
  const makesWay = (record.machine?.goingOn.length ?? 0) > 0;
  const end = endOf(record.containers, wanted.pod.restartPolicy);
  if (end !== undefined && !makesWay) return planEnd(inputs, end);
  const step = machine.runs ? planRunning(inputs, wanted) : planLaunch(inputs, wanted);
  return deadlineMs > 0 ? bounded(step, deadlineMs - inputs.activeMs) : step;
}

/** What ran beside the others ends after them, the last that began first; then the app has ended. */
function planEnd({ record, machine, stopping }: AppInputs, end: AppEnd): AppStep {
  if (!machine.runs) return { do: "finish", end };
  if (!machine.connected) return { do: "connect" };
  const index =
    1 + record.containers.findLastIndex(({ role, phase }) => role === "sidecar" && phase.kind === "running");
  if (index === 0) return { do: "finish", end };
  if (stopping.has(index)) return { do: "rest", againMs: undefined };
  const why = `Container ${record.containers[index - 1]?.name} ends after the others`;
  return { do: "stopContainer", index, why };
}

/** A step that waits looks again at the deadline. */
function bounded(step: AppStep, leftMs: number): AppStep {
  if (step.do !== "wait" && step.do !== "rest") return step;
  return { ...step, againMs: Math.min(step.againMs ?? leftMs, leftMs) };
}

function planRunning(inputs: AppInputs, wanted: AppSpec): AppStep {
  const { record, machine, unhealthy, stopping } = inputs;
  if (record.machine === undefined) return { do: "stop", why: "a machine nobody remembers" };
  const changed = isChanged(inputs, wanted, record.machine.fingerprint);
  if (changed || inputs.hold?.stop === true) {
    // What runs goes on until what replaces it is here.
    const hindrance = contentHindrance(inputs, wanted);
    if (hindrance === undefined)
      return { do: "stop", why: changed ? "its specification changed" : `${inputs.hold?.message}` };
    if (!machine.connected) return { do: "connect" };
    return { do: "wait", ...hindrance, againMs: undefined };
  }
  if (!machine.connected) return { do: "connect" };
  if (!record.machine.prepared || record.machine.filesFingerprint !== filesFingerprint(wanted))
    return { do: "prepare" };
  for (const [index, why] of unhealthy)
    if (!stopping.has(index) && record.containers[index - 1]?.phase.kind === "running")
      return { do: "stopContainer", index, why };
  return planContainers(inputs, wanted);
}

/** Whether it takes another machine. One of another size alone is started only where there is room for it. */
function isChanged({ record: { size }, node }: AppInputs, wanted: AppSpec, fingerprint: string): boolean {
  const sized = withSize(wanted, size);
  if (fingerprint === machineFingerprint(sized)) return false;
  if (size === undefined || isSized(wanted, size)) return true;
  const { restartCounter } = size;
  return fingerprint !== machineFingerprint({ ...sized, restartCounter }) || hasRoom(wanted, size, node);
}

function planContainers(inputs: AppInputs, wanted: AppSpec): AppStep {
  const { record, machine } = inputs;
  let againMs: number | undefined;
  const own = containersToStart(record.containers, wanted.pod.restartPolicy, inputs.started);
  for (const index of [...own, ...addedToStart(inputs, wanted)]) {
    const container = record.containers[index - 1];
    if (container === undefined) continue;
    if (container.phase.kind === "starting" && machine.asked.get(index) === container.attempt) continue;
    const waitMs = backoffLeft(container, inputs.sinceEndMs(index));
    if (waitMs <= 0) return { do: "start", index };
    againMs = Math.min(againMs ?? waitMs, waitMs);
  }
  return { do: "rest", againMs };
}

export function backoffLeft({ phase, backoffMs }: ContainerRecord, sinceEndMs: number): number {
  return phase.kind === "ended" ? backoffMs - sinceEndMs : 0;
}

/** The reason of an app that is to start later than its node. */
export const startDelayed = "StartDelayed";

function planLaunch(inputs: AppInputs, wanted: AppSpec): AppStep {
  const { record, node, hold } = inputs;
  const wait = (reason: string, message: string, againMs?: number): AppStep => ({
    ...{ do: "wait", reason, message, againMs },
  });
  // Before anything of the app as it was is thrown away.
  if (hold !== undefined)
    return wait(hold.reason, volumeHindrance(inputs.volume, wanted)?.message ?? hold.message);
  if (record.purgeCounter !== wanted.purgeCounter) return { do: "purge" };
  if (wanted.pod.isolation === ext.Isolation.CONTAINER)
    return wait(
      "UnsupportedIsolation",
      "this node runs apps in machines of their own only; use runtime class microvm",
    );
  if (node.emulated && wanted.pod.emulation === ext.EmulationPolicy.REFUSE)
    return wait(
      "NoHardwareVirtualization",
      "this node has no hardware virtualization, and the app refuses emulation",
    );
  const shut = vaultHindrance(node.vault);
  if (shut !== undefined) return wait("VaultLocked", shut);
  const delayMs = (wanted.startDelaySeconds ?? 0) * 1000 - node.upMs;
  if (delayMs > 0)
    return wait(startDelayed, `starts ${wanted.startDelaySeconds} s after the boot of the node`, delayMs);
  const hindrance = contentHindrance(inputs, wanted);
  if (hindrance !== undefined) return { do: "wait", ...hindrance, againMs: undefined };
  for (const { key, volumeId, readOnly } of volumeUses(wanted)) {
    const holder = readOnly ? undefined : inputs.volumeHolder(key);
    if (holder !== undefined)
      return wait("VolumeInUse", `volume ${volumeId} is still app ${holder}'s`, volumeAgainMs);
  }
  for (const { name } of wanted.nics) {
    const nic = inputs.nic(name);
    if (nic?.phase !== "ready")
      return wait("ContainerCreating", `network of ${name}: ${nic?.reason ?? "not there yet"}`);
  }
  for (const name of wanted.adapters ?? []) {
    const why = deviceHindrance(name, inputs.device(name), wanted);
    if (why !== undefined) return wait("AdapterUnavailable", `adapter ${name}: ${why}`);
  }
  const asBefore = wanted.memoryBytes > node.freeMemoryBytes && !isSized(wanted, record.size);
  const { memoryBytes, vcpus } = asBefore ? withSize(wanted, record.size) : wanted;
  if (memoryBytes > node.freeMemoryBytes)
    return wait(
      "OutOfMemory",
      `the app needs ${mib(memoryBytes)} MiB of memory, ${mib(node.freeMemoryBytes)} MiB are free on the node`,
      scarceAgainMs,
    );
  const { freeProcessors } = node;
  if (wanted.ownProcessors === true && vcpus > freeProcessors) {
    const asked = `the app asks for ${vcpus} of the box's processors to itself`;
    const why = `pin_cpu: ${asked}, ${freeProcessors} can be had; one stays the node's`;
    return wait("NotEnoughProcessors", why, scarceAgainMs);
  }
  if (inputs.launchWaitMs > 0)
    return wait("ContainerCreating", "the machine did not start; trying again", inputs.launchWaitMs);
  // A crash that took the machine along waits as any other.
  const waits = containersToStart(record.containers, wanted.pod.restartPolicy, inputs.started).map(
    (index) => {
      const container = record.containers[index - 1];
      return container === undefined ? 0 : backoffLeft(container, inputs.sinceEndMs(index));
    },
  );
  const least = Math.min(...waits);
  if (waits.length > 0 && least > 0) return { do: "rest", againMs: least };
  return asBefore ? { do: "launch", asBefore } : { do: "launch" };
}

function deviceHindrance(
  group: string,
  status: DeviceStatus | undefined,
  { id, functions }: AppSpec,
): string | undefined {
  if (status === undefined) return "the box has none of that name (deviceIoList, assigngrp)";
  if (status.phase === "lent" && status.appId === id) {
    const [has, wants] = [status.wish, functions?.[group]];
    const same = has?.mac === wants?.mac && has?.vlan === wants?.vlan;
    return same ? undefined : "its card is being told of its MAC and VLAN";
  }
  if (status.phase === "lent") return `it is app ${status.appId}'s`;
  if (status.phase === "free") return "it is being handed over";
  return status.phase === "kept" ? `the node has it: ${status.why}` : status.reason;
}

/** What an app writes is sealed, so there is no app without the key. */
function vaultHindrance(state: VaultState): string | undefined {
  if (state === "none") return "the node's vault gets its key once the controller has accepted its quote";
  if (state === "locked")
    return "the node measures another system; its controller gives the vault's key back once it accepts that";
  return undefined;
}

/** Memory, processors and volumes become free by the end of other apps, which wakes nobody here. */
const scarceAgainMs = 5000;
const volumeAgainMs = 1000;

function mib(bytes: number): number {
  return Math.max(0, Math.floor(bytes / 2 ** 20));
}

function contentHindrance(
  { content, volume, node }: AppInputs,
  wanted: AppSpec,
): { reason: string; message: string } | undefined {
  if (wanted.hindrance !== undefined) return wanted.hindrance;
  for (const { container } of ownContainers(wanted)) {
    const status = content(container.contentTreeId);
    if (status?.phase === "failed") return { reason: status.reason, message: status.message };
    if (status?.phase !== "ready")
      return { reason: "ContainerCreating", message: `pulling ${container.image}` };
    const architecture = status.config?.architecture ?? "";
    if (architecture !== "" && architecture !== node.architecture)
      return {
        reason: "ImageInspectError",
        message: `image ${container.image} is for ${architecture}, this node is ${node.architecture}`,
      };
  }
  return volumeHindrance(volume, wanted);
}

function volumeHindrance(
  volume: AppInputs["volume"],
  wanted: AppSpec,
): { reason: string; message: string } | undefined {
  const { foreign } = wanted;
  for (const [at, { key, volumeId, form }] of neededVolumes(wanted).entries()) {
    const status = volume(key);
    if (status?.phase === "failed")
      return { reason: status.reason, message: `volume ${volumeId}: ${status.message}` };
    const disk = status?.phase === "ready" ? status : undefined;
    // A root needs its file system, and so does what a Pod mounts unless the disk came with one.
    const bare = foreign === undefined ? form === "blank" : at === 0 && foreign.vm === undefined;
    if (disk === undefined || (bare && !disk.filesystem))
      return { reason: "ContainerCreating", message: `making volume ${volumeId}` };
  }
  return undefined;
}

/**
 * Which containers should run and do not: init containers one after another, a sidecar among them until it has
 * started, then all others.
 */
export function containersToStart(
  containers: readonly ContainerRecord[],
  policy: ext.RestartPolicy,
  started: ReadonlySet<number>,
): number[] {
  const found: number[] = [];
  // Once the main ones have begun, a sidecar that starts again holds nobody up.
  const begun = containers.some(({ role, phase }) => role === "main" && phase.kind !== "idle");
  for (const [at, container] of containers.entries()) {
    const { role } = container;
    if (role !== "init" && role !== "sidecar") continue;
    if (role === "init" && succeeded(container)) continue;
    if (mustStart(container, policy)) found.push(at + 1);
    if (role === "init" || !(begun || started.has(at + 1))) return found;
  }
  const main = containers.flatMap((container, at) =>
    container.role === "main" && mustStart(container, policy) ? [at + 1] : [],
  );
  return [...found, ...main];
}

/** Those that were added: at any time, each once; what cannot be started keeps no other from it. */
function addedToStart({ record, content, faulty }: AppInputs, wanted: AppSpec): number[] {
  const found = allContainers(wanted).flatMap(({ container, role, index }) => {
    const kind = record.containers[index - 1]?.phase.kind;
    if (role !== "ephemeral" || (kind !== "idle" && kind !== "starting")) return [];
    return content(container.contentTreeId)?.phase === "ready" ? [index] : [];
  });
  return found.sort((left, right) => Number(faulty.has(left)) - Number(faulty.has(right)));
}

function succeeded({ phase }: ContainerRecord): boolean {
  return phase.kind === "ended" && phase.end.exitCode === 0;
}

function mustStart(container: ContainerRecord, policy: ext.RestartPolicy): boolean {
  const { phase, role } = container;
  if (phase.kind === "idle" || phase.kind === "starting") return true;
  if (phase.kind === "running") return false;
  if (role === "sidecar") return true;
  if (policy === never) return false;
  return !(succeeded(container) && (role === "init" || policy === onFailure));
}

/** Whether the app has come to its end, and to which. */
export function endOf(containers: readonly ContainerRecord[], policy: ext.RestartPolicy): AppEnd | undefined {
  const failed = (it: ContainerRecord): boolean => it.phase.kind === "ended" && !succeeded(it);
  const none = { reason: "", message: "" };
  if (policy === never && containers.some((it) => it.role === "init" && failed(it)))
    return { phase: "Failed", ...none };
  const main = containers.filter(({ role }) => role === "main");
  if (main.some((it) => it.phase.kind !== "ended" || mustStart(it, policy))) return undefined;
  return { phase: main.some(failed) ? "Failed" : "Succeeded", ...none };
}
