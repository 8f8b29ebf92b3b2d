import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec, ForeignApp, VolumeKey } from "../desired.ts";

/** How a container's newest attempt stands. */
export type ContainerPhase =
  /** To be started when its turn comes. */
  | { readonly kind: "idle" }
  /** The guest was asked, or is about to be, to start this attempt. */
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly startedAt: Instant }
  | { readonly kind: "ended"; readonly end: ContainerEnd };

export interface ContainerEnd {
  readonly exitCode: number;
  readonly signal: number;
  readonly reason: string;
  readonly message: string;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
}

export interface ContainerRecord {
  readonly name: string;
  readonly init: boolean;
  /** Starts asked for so far; also tells one attempt's logs and exits from another's. */
  readonly attempt: number;
  readonly restarts: number;
  readonly phase: ContainerPhase;
  readonly last: ContainerEnd | undefined;
  /** How long the next restart waits after the end of this attempt. */
  readonly backoffMs: number;
}

/** A machine that was asked for and is not known to have ended. */
export interface MachineRecord {
  /** Of the box: a machine does not outlive its boot. */
  readonly bootId: string;
  readonly fingerprint: string;
  readonly memoryBytes: number;
  /** Given to the guest; known before the network of an engine that starts again is. */
  readonly podIp: string;
  /** Content trees, in the order of the machine's disks. */
  readonly disks: readonly string[];
  readonly volumes: readonly VolumeKey[];
  /** Network, volumes and files are in place. */
  readonly prepared: boolean;
  /** Of the files in volumes that follow their source while the app runs. */
  readonly filesFingerprint: string;
  /**
   * Containers that ran when the machine was told to make way for another of the same app; they go on in
   * that.
   */
  readonly goingOn: readonly string[];
}

export interface EventRecord {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly container: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
}

export interface ConditionRecord {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly at: Instant;
}

/**
 * What is remembered of one app through crashes of the engine and reboots of the box: what cannot be read
 * from the machine. Kept in one file, replaced whole.
 */
export interface AppRecord {
  readonly id: AppId;
  /** As last wanted: an app that is wanted no more is stopped by its own rules. */
  readonly spec: AppSpec;
  readonly startedAt: Instant;
  readonly purgeCounter: number;
  readonly machine: MachineRecord | undefined;
  /** Set once nothing will be started again. */
  readonly end: AppEnd | undefined;
  /** Time the app was active, for its deadline; measured, because the calendar jumps. */
  readonly activeMs: number;
  /** Init containers first, in order. */
  readonly containers: readonly ContainerRecord[];
  /** Which version of its user data was written into which root volume. */
  readonly seeded?: string | undefined;
  readonly events: readonly EventRecord[];
  readonly conditions: readonly ConditionRecord[];
}

export interface AppEnd {
  readonly phase: "Succeeded" | "Failed";
  readonly reason: string;
  readonly message: string;
}

export function newRecord(spec: AppSpec, now: Instant): AppRecord {
  return {
    id: spec.id,
    spec,
    startedAt: now,
    purgeCounter: spec.purgeCounter,
    machine: undefined,
    end: undefined,
    activeMs: 0,
    containers: allContainers(spec).map(({ container, init }) => newContainer(container.name, init)),
    events: [],
    conditions: [],
  };
}

export function newContainer(name: string, init: boolean): ContainerRecord {
  return {
    ...{ name, init, attempt: 0, restarts: 0, phase: { kind: "idle" } as const },
    ...{ last: undefined, backoffMs: 0 },
  };
}

/** In the order of records; a container's number in the guest is its place here, from 1. */
export function allContainers(spec: AppSpec): { container: ext.Container; init: boolean; index: number }[] {
  return [
    ...spec.pod.initContainers.map((container) => ({ container, init: true })),
    ...spec.pod.containers.map((container) => ({ container, init: false })),
  ].map((item, at) => ({ ...item, index: at + 1 }));
}

/** Secrets are in the specification only as they came, encrypted to the node. */
export function encodeRecord(record: AppRecord): Uint8Array {
  const { pod, ...spec } = record.spec;
  const podText = Buffer.from(toBinary(ext.AppExtensionSchema, pod)).toString("base64");
  return new TextEncoder().encode(`${JSON.stringify({ ...record, spec: { ...spec, pod: podText } })}\n`);
}

export function decodeRecord(bytes: Uint8Array): AppRecord {
  const record = JSON.parse(new TextDecoder().decode(bytes)) as AppRecord & { spec: { pod: unknown } };
  const pod = fromBinary(ext.AppExtensionSchema, Buffer.from(String(record.spec.pod), "base64"));
  // What an engine of an earlier version did not know yet.
  const machine = record.machine && {
    ...record.machine,
    podIp: record.machine.podIp ?? "",
    goingOn: record.machine.goingOn ?? [],
    volumes: record.machine.volumes ?? [],
  };
  const foreign = record.spec.foreign && { ...noVolumes, ...record.spec.foreign };
  return { ...record, machine, spec: { ...record.spec, pod, foreign } };
}

const noVolumes: ForeignApp = {
  ...{ volumes: [], vm: undefined, userData: "", sealedUserData: "", cloudInitVersion: 0 },
  metaData: "none",
};
