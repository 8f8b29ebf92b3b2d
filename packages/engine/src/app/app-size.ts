/**
 * How large an app is. A machine keeps the size it was started with: another one that is asked for is its next start's,
 * or that of a restart where the controller's counter asks for one. Apps of controllers that speak EVE alone
 * follow EVE's rules instead (change-rules.ts) and have no size of their own.
 */
import { create } from "@bufbuild/protobuf";
import { ext } from "@selvedge/eve-api";
import type { AppSpec } from "../desired.ts";

/** What a machine was started with, and each of the app's own containers in it. */
export interface AppSize {
  readonly vcpus: number;
  readonly memoryBytes: number;
  readonly restartCounter: number;
  readonly containers: readonly ContainerSize[];
}

export interface ContainerSize {
  readonly name: string;
  readonly cpuRequestMillis: number;
  readonly cpuLimitMillis: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
}

/** What the node has for apps, and what of it this app can have. */
export interface Room {
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly cpus: number;
}

export interface ResizeWord {
  readonly type: "PodResizePending" | "PodResizeInProgress";
  readonly reason: "" | "Deferred" | "Infeasible";
  readonly message: string;
}

export function sizeOf(spec: AppSpec): AppSize | undefined {
  if (spec.foreign !== undefined) return undefined;
  const { vcpus, memoryBytes, restartCounter, pod } = spec;
  const containers = [...pod.initContainers, ...pod.containers].map(({ name, resources }) => ({
    name,
    cpuRequestMillis: Number(resources?.cpuRequestMillis ?? 0n),
    cpuLimitMillis: Number(resources?.cpuLimitMillis ?? 0n),
    memoryRequestBytes: Number(resources?.memoryRequestBytes ?? 0n),
    memoryLimitBytes: Number(resources?.memoryLimitBytes ?? 0n),
  }));
  return { vcpus, memoryBytes, restartCounter, containers };
}

/** The app as large as it was; all else of it is as it is asked for. */
export function withSize(spec: AppSpec, size: AppSize | undefined): AppSpec {
  if (size === undefined) return spec;
  const { vcpus, memoryBytes } = size;
  const sized = (container: ext.Container): ext.Container => {
    const known = size.containers.find(({ name }) => name === container.name);
    return known === undefined ? container : { ...container, resources: resourcesOf(known, container) };
  };
  const { initContainers, containers } = spec.pod;
  const pod = {
    ...spec.pod,
    initContainers: initContainers.map(sized),
    containers: containers.map(sized),
  };
  return { ...spec, vcpus, memoryBytes, pod };
}

export function resourcesOf(size: ContainerSize, of?: ext.Container): ext.Resources {
  return create(ext.ResourcesSchema, {
    cpuRequestMillis: BigInt(size.cpuRequestMillis),
    cpuLimitMillis: BigInt(size.cpuLimitMillis),
    memoryRequestBytes: BigInt(size.memoryRequestBytes),
    memoryLimitBytes: BigInt(size.memoryLimitBytes),
    ephemeralStorageLimitBytes: of?.resources?.ephemeralStorageLimitBytes ?? 0n,
  });
}

export function isSized(spec: AppSpec, size: AppSize | undefined): boolean {
  return size === undefined || essence(sizeOf(spec)) === essence(size);
}

/** What is promised but changes neither the machine nor a limit in it is had at once. */
export function settledSize(spec: AppSpec, size: AppSize | undefined, room: Room): AppSize | undefined {
  const wanted = sizeOf(spec);
  if (size === undefined || wanted === undefined || wanted.restartCounter !== size.restartCounter)
    return size;
  const isSame = essence(unpromised(wanted)) === essence(unpromised(size));
  return isSame && cpuOf(wanted) <= room.cpus * 1000 ? wanted : size;
}

function unpromised(size: AppSize): AppSize {
  const containers = size.containers.map((one) => ({ ...one, cpuRequestMillis: 0, memoryRequestBytes: 0 }));
  return { ...size, containers };
}

function cpuOf({ containers }: AppSize): number {
  return containers.reduce((sum, { cpuRequestMillis }) => sum + cpuRequestMillis, 0);
}

/** The order of containers says nothing, nor does the counter. */
function essence(size: AppSize | undefined): string {
  const containers = size?.containers.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return JSON.stringify([size?.vcpus, size?.memoryBytes, containers]);
}

/** Whether the node could give the app what is asked for, were its machine started now. */
export function hasRoom(
  { memoryBytes }: AppSpec,
  size: AppSize | undefined,
  { freeMemoryBytes }: Room,
): boolean {
  return memoryBytes <= Math.max(freeMemoryBytes, size?.memoryBytes ?? 0);
}

/** How far a change of size is that a machine which runs does not have; undefined: there is none. */
export function resizeWord(spec: AppSpec, size: AppSize | undefined, room: Room): ResizeWord | undefined {
  const wanted = sizeOf(spec);
  if (size === undefined || wanted === undefined || isSized(spec, size)) return undefined;
  const cpu = cpuOf(wanted);
  const pending = (reason: "Deferred" | "Infeasible", message: string): ResizeWord => ({
    ...{ type: "PodResizePending", reason, message },
  });
  const short = (what: string, requested: number, capacity: number): ResizeWord =>
    pending(
      "Infeasible",
      `Node didn't have enough capacity: ${what}, requested: ${requested}, capacity: ${capacity}`,
    );
  if (spec.memoryBytes > room.memoryBytes) return short("memory", spec.memoryBytes, room.memoryBytes);
  if (cpu > room.cpus * 1000) return short("cpu", cpu, room.cpus * 1000);
  if (!hasRoom(spec, size, room))
    return pending(
      "Deferred",
      `the app would need ${mib(spec.memoryBytes)} MiB of memory, the node has ${mib(room.freeMemoryBytes)} MiB free`,
    );
  if (spec.restartCounter !== size.restartCounter)
    return { type: "PodResizeInProgress", reason: "", message: "" };
  return pending(
    "Deferred",
    "a machine keeps its size while it runs: this is that of its next start; resizePolicy RestartContainer restarts it",
  );
}

/** The counter that asks for the other size is left for later, too. */
export function asItWas(spec: AppSpec, size: AppSize | undefined): AppSpec {
  return { ...withSize(spec, size), restartCounter: size?.restartCounter ?? spec.restartCounter };
}

function mib(bytes: number): number {
  return Math.max(0, Math.floor(bytes / 2 ** 20));
}
