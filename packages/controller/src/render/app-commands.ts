import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { app, ext, getExtension, vm } from "@selvedge/eve-api";
import type { Node, Pod } from "@selvedge/kinds";
import { speaksEve } from "./api-access.ts";

/** Of which parts of a container's size (`cpu`, `memory`) another is worth a restart, by its name. */
export type Restarts = ReadonlyMap<string, readonly string[]>;

/**
 * Counters that a device of EVE waits for before it acts on a change: another set of volumes or adapters
 * needs a purge, another machine a restart; without, it keeps what runs and reports an error. A device acts
 * on any other number, so the number is made of what it stands for: a controller that was restored from a
 * backup, or another replica, sends the same one for the same thing, and purges nothing by it. What nothing
 * is to be done to keeps the number it has. A device of ours starts an app of another size anew when it is next
 * started anyway, or at once if its Pod asks for that (docs/decisions/0383).
 */
export function withCommands(
  now: app.AppInstanceConfig,
  before: app.AppInstanceConfig | undefined,
  restarts: Restarts | undefined,
): app.AppInstanceConfig {
  const counter = (of: (config: app.AppInstanceConfig) => string, was: number): number => {
    const meant = of(now);
    if (meant === nothing) return was;
    if (before !== undefined && of(before) === meant) return was;
    const number = numberOf(meant);
    return number === was ? number + 1 : number;
  };
  const purge = counter(partsOf, before?.purge?.counter ?? 0);
  const sizeOf = restarts === undefined ? machineOf : sizeThat(restarts);
  const restart = counter(sizeOf, before?.restart?.counter ?? 0);
  // Nothing is the same as 0 to a device, and a configuration without counters is the shorter one.
  if (purge > 0) now.purge = create(app.InstanceOpsCmdSchema, { counter: purge });
  if (restart > 0) now.restart = create(app.InstanceOpsCmdSchema, { counter: restart });
  return now;
}

/** A device adds counters of its own to ours, so they stay well below what 32 bits hold. */
const bytesOfNumber = 3;

function numberOf(text: string): number {
  return createHash("sha256").update(text).digest().readUIntBE(0, bytesOfNumber) + 1;
}

function partsOf({ volumeRefList, adapters }: app.AppInstanceConfig): string {
  return [
    ...volumeRefList.map((volume) => toBinary(app.VolumeRefSchema, volume).toHex()),
    ...adapters.map(({ name, type }) => `${type} ${name}`),
  ].join();
}

const nothing = "[]";

/** Undefined for a device of EVE, which starts an app of another size anew or says that it cannot. */
export function restartsOf({ spec }: Pod, node: Node | undefined): Restarts | undefined {
  if (speaksEve(node)) return undefined;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return new Map(
    all.map(({ name, resizePolicy = [] }) => [
      name,
      resizePolicy.flatMap((it) => (it.restartPolicy === "RestartContainer" ? [it.resourceName] : [])),
    ]),
  );
}

function sizeThat(restarts: Restarts): (config: app.AppInstanceConfig) => string {
  return (config) => {
    const { initContainers = [], containers = [] } = getExtension(config, ext.AppExtensionSchema) ?? {};
    const sizes = [...initContainers, ...containers].flatMap(({ name, resources }) => {
      const { cpuRequestMillis = 0n, cpuLimitMillis = 0n } = resources ?? {};
      const { memoryRequestBytes = 0n, memoryLimitBytes = 0n } = resources ?? {};
      const amounts: Readonly<Record<string, readonly bigint[]>> = {
        cpu: [cpuRequestMillis, cpuLimitMillis],
        memory: [memoryRequestBytes, memoryLimitBytes],
      };
      return (restarts.get(name) ?? []).map((what) => [name, what, ...(amounts[what] ?? []).map(String)]);
    });
    return JSON.stringify(sizes);
  };
}

function machineOf({ fixedresources }: app.AppInstanceConfig): string {
  return fixedresources === undefined ? "" : toBinary(vm.VmConfigSchema, fixedresources).toHex();
}
