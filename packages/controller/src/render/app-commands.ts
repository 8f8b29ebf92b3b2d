import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { app, vm } from "@selvedge/eve-api";

/**
 * Counters that a device of EVE waits for before it acts on a change: another set of volumes or adapters
 * needs a purge, another machine a restart; without, it keeps what runs and reports an error. A device acts
 * on any other number, so the number is made of what it stands for: a controller that was restored from a
 * backup, or another replica, sends the same one for the same thing, and purges nothing by it. What nothing
 * is to be done to keeps the number it has.
 */
export function withCommands(
  now: app.AppInstanceConfig,
  before: app.AppInstanceConfig | undefined,
): app.AppInstanceConfig {
  const counter = (of: (config: app.AppInstanceConfig) => string, was: number): number => {
    const meant = of(now);
    if (before !== undefined && of(before) === meant) return was;
    const number = numberOf(meant);
    return number === was ? number + 1 : number;
  };
  const purge = counter(partsOf, before?.purge?.counter ?? 0);
  const restart = counter(machineOf, before?.restart?.counter ?? 0);
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

function machineOf({ fixedresources }: app.AppInstanceConfig): string {
  return fixedresources === undefined ? "" : toBinary(vm.VmConfigSchema, fixedresources).toHex();
}
