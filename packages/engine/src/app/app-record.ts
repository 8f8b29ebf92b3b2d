import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Instant } from "@selvedge/base";
import { ext } from "@selvedge/eve-api";
import type { AppId, AppSpec, ContentId, ForeignApp, VolumeKey } from "../desired.ts";
import { type AppSize, sizeOf } from "./app-size.ts";

/**
 * Ephemeral ones are added while the app runs, for debugging: each starts once, and the app's end is not theirs.
 * A sidecar begins in its place among the init containers and runs beside the main ones, whose end is its own.
 */
export type ContainerRole = "init" | "sidecar" | "main" | "ephemeral";

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
  readonly role: ContainerRole;
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
  /** Of the box, that no other app has, one for each virtual one. An engine of an earlier version knew none. */
  readonly processors?: readonly number[];
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
  /** Of its newest machine. Not there before the first, nor for apps that follow EVE's rules. */
  readonly size?: AppSize | undefined;
  /** Set once nothing will be started again. */
  readonly end: AppEnd | undefined;
  /** Time the app was active, for its deadline; measured, because the calendar jumps. */
  readonly activeMs: number;
  /** Init containers first, in order, and those last that were added. */
  readonly containers: readonly ContainerRecord[];
  /** Which version of its user data was written into which root volume. */
  readonly seeded?: string | undefined;
  /** Not there as long as nothing was ever asked of them. */
  readonly snapshots?: SnapshotBook;
  readonly events: readonly EventRecord[];
  readonly conditions: readonly ConditionRecord[];
}

/** What is known of an app's snapshots, and of its ways back to them. */
export interface SnapshotBook {
  readonly records: readonly SnapshotRecord[];
  /** Named by the configuration and gone by its own limit: they are not taken a second time. */
  readonly dropped: readonly string[];
  /** Of the last command to go back that was seen. */
  readonly counter: number;
  /** The way back that is not at its end: as long as a volume does not say the token, the app waits. */
  readonly rollback?: { readonly id: string; readonly token: string; readonly written: readonly VolumeKey[] };
  /** What the configuration said when the app went back: while it says the same, the app stays there. */
  readonly instead?: string;
  /** Why the last command to go back was not carried out. */
  readonly fault?: string;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly kind: "update" | "now";
  /** `due`: to be taken as soon as the machine is off, before another is started. */
  readonly state: "due" | "kept" | "failed";
  readonly message: string;
  readonly at: Instant;
  /** The app as it was, as `encodeSpec` writes it, and what it was made of. */
  readonly spec: string;
  readonly version: string;
  readonly volumes: readonly VolumeKey[];
  readonly contents: readonly ContentId[];
  /** Those of the volumes that the app writes to: only they have another state to go back to. */
  readonly written: readonly VolumeKey[];
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
    containers: allContainers(spec).map(({ container, role }) => newContainer(container.name, role)),
    events: [],
    conditions: [],
  };
}

export function newContainer(name: string, role: ContainerRole): ContainerRecord {
  return {
    ...{ name, role, attempt: 0, restarts: 0, phase: { kind: "idle" } as const },
    ...{ last: undefined, backoffMs: 0 },
  };
}

/** In the order of records; a container's number in the guest is its place here, from 1. */
export function allContainers({ pod }: AppSpec): NumberedContainer[] {
  return [
    ...pod.initContainers.map((container) => ({
      container,
      role: container.stays ? ("sidecar" as const) : ("init" as const),
    })),
    ...pod.containers.map((container) => ({ container, role: "main" as const })),
    ...pod.ephemeralContainers.map((container) => ({ container, role: "ephemeral" as const })),
  ].map((item, at) => ({ ...item, index: at + 1 }));
}

export interface NumberedContainer {
  readonly container: ext.Container;
  readonly role: ContainerRole;
  readonly index: number;
}

/** What the app cannot be without: its machine is made for these, and its end is theirs. */
export function ownContainers(spec: AppSpec): NumberedContainer[] {
  return allContainers(spec).filter(({ role }) => role !== "ephemeral");
}

/** Differs when something does that a crash must not lose; events and times of conditions travel along. */
export function essenceOf(record: AppRecord): string {
  const { machine, containers, end, spec, purgeCounter, seeded, snapshots } = record;
  return JSON.stringify([machine, containers, end, spec.revision, purgeCounter, seeded, snapshots]);
}

/** In one file with all that a way back needs. */
export function encodeRecord(record: AppRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ ...record, spec: storable(record.spec) })}\n`);
}

/** Secrets are in it only as they came. */
export function encodeSpec(spec: AppSpec): string {
  return JSON.stringify(storable(spec));
}

export function decodeSpec(text: string): AppSpec {
  return restored(JSON.parse(text) as StoredSpec);
}

function storable({ pod, ...spec }: AppSpec): StoredSpec {
  return { ...spec, pod: Buffer.from(toBinary(ext.AppExtensionSchema, pod)).toString("base64") };
}

function restored(spec: StoredSpec): AppSpec {
  const pod = fromBinary(ext.AppExtensionSchema, Buffer.from(String(spec.pod), "base64"));
  // What an engine of an earlier version did not know yet.
  return { ...spec, pod, foreign: spec.foreign && { ...noVolumes, ...spec.foreign } };
}

export function decodeRecord(bytes: Uint8Array): AppRecord {
  const record = JSON.parse(new TextDecoder().decode(bytes)) as StoredRecord;
  // What an engine of an earlier version did not know yet.
  const machine = record.machine && {
    ...record.machine,
    podIp: record.machine.podIp ?? "",
    goingOn: record.machine.goingOn ?? [],
    volumes: record.machine.volumes ?? [],
  };
  const containers = record.containers.map(({ init, ...one }) => ({
    ...one,
    role: one.role ?? (init === true ? "init" : "main"),
  }));
  const spec = restored(record.spec);
  // Nobody could ask such an engine for another size.
  const size = record.size ?? (machine && sizeOf(spec));
  return { ...record, machine, containers, spec, size };
}

type StoredSpec = Omit<AppSpec, "pod"> & { readonly pod: unknown };

/** As any version of the engine wrote it. */
type StoredRecord = Omit<AppRecord, "spec" | "containers"> & {
  readonly spec: StoredSpec;
  readonly containers: readonly (Omit<ContainerRecord, "role"> & {
    readonly role?: ContainerRole;
    readonly init?: boolean;
  })[];
};

const noVolumes: ForeignApp = {
  ...{ volumes: [], vm: undefined, userData: "", sealedUserData: "", cloudInitVersion: 0 },
  metaData: "none",
};
